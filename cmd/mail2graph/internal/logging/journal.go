package logging

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
)

// journalSocket is where journald takes datagrams of its native protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL).
const journalSocket = "/run/systemd/journal/socket"

// maxField bounds a field: a whole datagram must fit into a socket's buffer.
const maxField = 32 << 10

// journal is a slog.Handler that gives each record to journald: the text of the
// line as MESSAGE, so that a plain journalctl shows what other formats show, and
// each attribute as a field of its own, so that
//
//	journalctl -u mail2graph M2G_MAILBOX=support
//
// finds it.
type journal struct {
	conn  net.Conn
	rest  io.Writer // gets what journald does not take
	attrs []slog.Attr
}

func dialJournal(socket string, rest io.Writer) (*journal, error) {
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return nil, fmt.Errorf("log.format journald: %w", err)
	}
	return &journal{conn: conn, rest: rest}, nil
}

// Enabled implements slog.Handler.
func (*journal) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.conn, j.rest, append(j.attrs[:len(j.attrs):len(j.attrs)], attrs...)}
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (j *journal) WithGroup(string) slog.Handler { return j }

// Handle implements slog.Handler. Its time is journald's own.
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	line := bytes.NewBufferString(r.Message)
	var fields bytes.Buffer
	add := func(a slog.Attr) bool {
		value := a.Value.Resolve().String()
		writeField(&fields, fieldName(a.Key), value)
		if value == "" || strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c == '"' || c == '=' }) {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(line, " %s=%s", a.Key, value)
		return true
	}
	for _, a := range j.attrs {
		add(a)
	}
	r.Attrs(add)
	var datagram bytes.Buffer
	writeField(&datagram, "MESSAGE", line.String())
	writeField(&datagram, "PRIORITY", priority(r.Level))
	writeField(&datagram, "SYSLOG_IDENTIFIER", "mail2graph")
	datagram.Write(fields.Bytes())
	if _, err := j.conn.Write(datagram.Bytes()); err != nil {
		// Standard error of a service is the way to the journal too, line by line.
		_, err = fmt.Fprintf(j.rest, "<%s>%s\n", priority(r.Level), strings.ReplaceAll(line.String(), "\n", " "))
		return err
	}
	return nil
}

// priority is the level in syslog's numbers (sd-daemon(3)).
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "3"
	case level >= slog.LevelWarn:
		return "4"
	case level >= slog.LevelInfo:
		return "6"
	}
	return "7"
}

// fieldName makes a field's name of a key: capital letters, digits and "_", and
// with a prefix, so that none means what a well-known field does.
func fieldName(key string) string {
	return "M2G_" + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, key)
}

// writeField writes "NAME=value", or for a value of several lines its length in
// eight octets.
func writeField(b *bytes.Buffer, name, value string) {
	if len(value) > maxField {
		value = value[:maxField] + "…"
	}
	b.WriteString(name)
	if !strings.Contains(value, "\n") {
		b.WriteString("=" + value + "\n")
		return
	}
	b.WriteByte('\n')
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
	b.WriteString(value + "\n")
}
