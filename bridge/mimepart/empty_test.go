package mimepart

import "testing"

// TestEmptyFields: a field without a value is told from one that is not there.
func TestEmptyFields(t *testing.T) {
	for _, c := range []struct {
		name, header string
		want         TextFields
	}{
		{"none", "From: a@b\r\n\r\n", 0},
		{"all", "Date:\r\nSubject: \r\nIn-Reply-To:\t\r\nMessage-ID:\r\n \r\n\r\n", FieldDate | FieldSubject | FieldInReplyTo | FieldMessageID},
		{"with values", "Subject: x\r\nDate: y\r\n\r\n", 0},
		{"empty, then with a value", "Subject:\r\nSubject: x\r\n\r\n", 0},
		{"with a value, then empty", "Subject: x\r\nSubject:\r\n\r\n", 0},
	} {
		if got := ParseHeader([]byte(c.header)).Empty; got != c.want {
			t.Errorf("%s: got %b, want %b", c.name, got, c.want)
		}
	}
}
