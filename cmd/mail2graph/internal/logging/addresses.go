package logging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"mail2graph/bridge"
)

// Addresses returns a handler in front of h that shows e-mail addresses as the
// operator wants them, wherever in a record they stand: in attributes, in the texts of
// errors, in lines of a conversation.
func Addresses(h slog.Handler, how bridge.LogAddresses) slog.Handler {
	switch how {
	case bridge.AddressesHashed:
		return &addresses{h, hashed}
	case bridge.AddressesNone:
		return &addresses{h, func(string) string { return "<address>" }}
	}
	return h
}

// anAddress is what looks like one, and Message-IDs with it; "%40" is how it stands
// in a URL.
var anAddress = regexp.MustCompile(`[^\s<>"'(),:;@\[\]\\/=&?%]+(?:@|%40)[^\s<>\]"'(),:;@\\/=&?%]+`)

// hashed is the same for the same address, so that its way can be followed: the
// first 12 digits of
//
//	printf %s user@example.com | sha256sum
func hashed(address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Replace(address, "%40", "@", 1))))
	return "address-" + hex.EncodeToString(sum[:6])
}

type addresses struct {
	slog.Handler
	hide func(string) string
}

// Handle implements slog.Handler.
func (a *addresses) Handle(ctx context.Context, r slog.Record) error {
	hidden := slog.NewRecord(r.Time, r.Level, a.text(r.Message), r.PC)
	r.Attrs(func(attr slog.Attr) bool {
		hidden.AddAttrs(a.attr(attr))
		return true
	})
	return a.Handler.Handle(ctx, hidden)
}

// WithAttrs implements slog.Handler.
func (a *addresses) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		hidden[i] = a.attr(attr)
	}
	return &addresses{a.Handler.WithAttrs(hidden), a.hide}
}

// WithGroup implements slog.Handler.
func (a *addresses) WithGroup(name string) slog.Handler {
	return &addresses{a.Handler.WithGroup(name), a.hide}
}

func (a *addresses) attr(attr slog.Attr) slog.Attr {
	v := attr.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(attr.Key, a.text(v.String()))
	case slog.KindGroup:
		group := make([]slog.Attr, 0, len(v.Group()))
		for _, inner := range v.Group() {
			group = append(group, a.attr(inner))
		}
		return slog.Attr{Key: attr.Key, Value: slog.GroupValue(group...)}
	case slog.KindAny:
		text := fmt.Sprint(v.Any())
		if hidden := a.text(text); hidden != text {
			return slog.String(attr.Key, hidden)
		}
	}
	return slog.Attr{Key: attr.Key, Value: v}
}

func (a *addresses) text(s string) string {
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return anAddress.ReplaceAllStringFunc(s, func(found string) string {
		end := strings.TrimRight(found, ".") // of a sentence
		return a.hide(end) + found[len(end):]
	})
}
