package logging

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"mail2graph/bridge"
)

func TestAddresses(t *testing.T) {
	const mail = "Ann.O'x+tag@Example.com"
	for _, tc := range []struct {
		how      bridge.LogAddresses
		contains string
	}{
		{bridge.AddressesFull, "ann@example.com"},
		{bridge.AddressesHashed, "address-71d4f55f72fa"},
		{bridge.AddressesNone, "<address>"},
	} {
		var out strings.Builder
		log := slog.New(Addresses(slog.NewTextHandler(&out, nil), tc.how)).With("user", "ann@example.com")
		log.WithGroup("g").Info("to <ann@example.com>.", "line", "RCPT TO:<ANN@example.com> NOTIFY=NEVER", "err", errors.New("send to ann@example.com: no"),
			"list", []string{"ann@example.com"}, "n", 5, slog.Group("in", "from", "ann@example.com"), "url", "https://graph/v1.0/users/ann%40example.com/messages?x=1")
		text := out.String()
		if !strings.Contains(text, tc.contains) {
			t.Errorf("%s: no %q in %s", tc.how, tc.contains, text)
		}
		if left := strings.Count(strings.ToLower(text), "example.com"); (left > 0) != (tc.how == bridge.AddressesFull) {
			t.Errorf("%s: %d addresses left in %s", tc.how, left, text)
		}
		if tc.how == bridge.AddressesHashed && strings.Count(text, tc.contains) != 7 {
			t.Errorf("not the same for the same address: %s", text)
		}
		for _, kept := range []string{"n=5", "NOTIFY=NEVER", "/messages?x=1", "send to "} {
			if !strings.Contains(text, kept) {
				t.Errorf("%s: %q is lost in %s", tc.how, kept, text)
			}
		}
	}
	if hashed(mail) != hashed(strings.ToLower(mail)) {
		t.Error("letter case counts")
	}
}
