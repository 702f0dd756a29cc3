package bridge

import (
	"math/rand/v2"
	"net/mail"
	"testing"
	"time"
)

// plainDates are dates around what plainDate reads.
var plainDates = []struct {
	field string
	plain bool
}{
	{"Mon, 2 Mar 2026 10:00:00 +0100", true},
	{"Mon, 02 Mar 2026 23:59:59 -0330", true},
	{"29 Feb 2024 00:00:00 +0000 (UTC)", true},
	{"Tue, 31 Dec 1999 10:11:12 +1400 (CEST)", true},
	{"29 Feb 2026 00:00:00 +0000", false},
	{"0 Mar 2026 10:00:00 +0100", false},
	{"32 Mar 2026 10:00:00 +0100", false},
	{"2 mar 2026 10:00:00 +0100", false},
	{"2 anF 2026 10:00:00 +0100", false},
	{"Foo, 2 Mar 2026 10:00:00 +0100", false},
	{"2 Mar 2026 24:00:00 +0100", false},
	{"2 Mar 2026 10:60:00 +0100", false},
	{"2 Mar 2026 10:00:60 +0100", false},
	{"2 Mar 2026 10:00:00 +0160", false},
	{"2 Mar 2026 10:00:00 +9900", false},
	{"2 Mar 2026 10:00:00 GMT", false},
	{"2 Mar 2026 10:00 +0100", false},
	{"2 Mar 26 10:00:00 +0100", false},
	{"2 Mar 2026 10:00:00 +0100 (", false},
	{"2 Mar 2026 10:00:00 +0100x", false},
	{"2 Mar 2026 1:00:00 +0100", false},
	{" 2 Mar 2026 10:00:00 +0100", false},
	{"", false},
}

func TestPlainDate(t *testing.T) {
	for _, test := range plainDates {
		if _, _, ok := plainDate(test.field); ok != test.plain {
			t.Errorf("plainDate(%q) reads it: %t, want %t", test.field, ok, test.plain)
		}
		agree(t, test.field)
	}
	// Dates with some octets changed: many are read, and none otherwise than by net/mail.
	r := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		field := []byte(plainDates[r.IntN(4)].field)
		for range 1 + r.IntN(3) {
			const octets = "0123456789+-:, ()JMSaenruZ"
			field[r.IntN(len(field))] = octets[r.IntN(len(octets))]
		}
		agree(t, string(field))
	}
}

// FuzzPlainDate compares it with the reader in whose place it stands.
func FuzzPlainDate(f *testing.F) {
	for _, test := range plainDates {
		f.Add(test.field)
	}
	f.Fuzz(func(t *testing.T, field string) { agree(t, field) })
}

// agree fails if plainDate reads a date otherwise than net/mail does.
func agree(t *testing.T, field string) {
	clock, offset, ok := plainDate(field)
	if !ok {
		return
	}
	want, err := mail.ParseDate(field)
	if err != nil || !clock.Add(-offset).Equal(want) || day(clock) != day(want) {
		t.Errorf("plainDate(%q) is %v ahead %v, net/mail says %v, %v", field, clock, offset, want, err)
	}
	if at, ok := parseDate(field); !ok || !at.Equal(want) {
		t.Errorf("parseDate(%q) is %v, %t, want %v", field, at, ok, want)
	}
	if _, seconds := want.Zone(); time.Duration(seconds)*time.Second != offset {
		t.Errorf("plainDate(%q) has the zone %v, want %d s", field, offset, seconds)
	}
}
