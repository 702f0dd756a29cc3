package index

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

func fullDetail() *bridge.Detail {
	list := []mimepart.Address{{Mailbox: "group"}, {Name: "n", Route: "@a", Mailbox: "m", Host: "h"}, {}}
	return &bridge.Detail{
		Envelope: mimepart.Envelope{Date: "d", Subject: "ü\xff\x00", From: list, Sender: list, ReplyTo: list, To: list, Cc: list, Bcc: list,
			InReplyTo: "<i>", MessageID: "<m>", Empty: mimepart.FieldDate | mimepart.FieldMessageID},
		Sent: time.Unix(-5, 0).UTC(), References: strings.Repeat("<r>", 100), Class: "IPM.Note", ConversationID: "c", Preview: "p",
		HasAttachments: true, Fingerprint: "f",
	}
}

// Every field of Detail is kept: one that was added to the type and not to the
// codec shows here.
func TestDetailFields(t *testing.T) {
	full := fullDetail()
	for _, v := range []reflect.Value{reflect.ValueOf(*full), reflect.ValueOf(full.Envelope)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the sample has no %s", v.Type().Field(i).Name)
			}
		}
	}
	for name, d := range map[string]*bridge.Detail{"full": full, "zero": {}} {
		got, err := decodeDetail(string(encodeDetail(nil, d)))
		if err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, d)
		}
	}
}

// Of a record that was cut off anywhere nothing is taken for whole.
func TestDetailTruncated(t *testing.T) {
	blob := string(encodeDetail(nil, fullDetail()))
	for i := range blob {
		if d, err := decodeDetail(blob[:i]); err == nil {
			t.Fatalf("%d of %d octets gave %+v", i, len(blob), d)
		}
	}
	if _, err := decodeDetail(blob + "\x00"); err == nil {
		t.Error("an octet too many was accepted")
	}
	if _, err := decodeDetail("\x02" + blob[1:]); err == nil {
		t.Error("another format was accepted")
	}
}

// What decodes encodes to something that decodes to the same.
func FuzzDetail(f *testing.F) {
	f.Add(string(encodeDetail(nil, fullDetail())))
	f.Add(string(encodeDetail(nil, &bridge.Detail{})))
	f.Add("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, blob string) {
		d, err := decodeDetail(blob)
		if err != nil {
			return
		}
		again, err := decodeDetail(string(encodeDetail(nil, d)))
		if err != nil || !reflect.DeepEqual(d, again) {
			t.Errorf("%+v became %+v, %v", d, again, err)
		}
	})
}

func FuzzCategories(f *testing.F) {
	f.Add(string(encodeCategories([]string{"a", "", "Büro"})))
	f.Add("\x80")
	f.Fuzz(func(t *testing.T, blob string) {
		list, err := decodeCategories(blob)
		if err != nil {
			return
		}
		again, err := decodeCategories(string(encodeCategories(list)))
		if err != nil || !reflect.DeepEqual(list, again) {
			t.Errorf("%q became %q, %v", list, again, err)
		}
	})
}
