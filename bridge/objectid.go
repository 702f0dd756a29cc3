package bridge

import (
	"crypto/sha256"
	"encoding/base64"
)

// Object identifiers (RFC 8474) are made of the service's own, so that they
// survive restarts, a lost index, renamed folders and moved messages. They are
// hashed: the service's are too long, and contain characters that are not
// allowed.

// ObjectID returns the MAILBOXID of the folder (RFC 8474 §4).
func (f *Folder) ObjectID() string { return objectID("F", string(f.id)) }

// EmailID returns the EMAILID of the message (RFC 8474 §5.1). A copy has its
// own: nothing tells that it is one.
func (r *Row) EmailID() string { return objectID("M", string(r.ID)) }

// ThreadID returns the THREADID of the message, "" if the service knows no
// conversation (RFC 8474 §5.2).
func (d *Detail) ThreadID() string {
	if d.ConversationID == "" {
		return ""
	}
	return objectID("T", d.ConversationID)
}

// objectID keeps to the characters of RFC 8474 §7: letters, digits, "_" and "-".
// The kind comes first, so that no object of another kind has the same.
func objectID(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	return kind + base64.RawURLEncoding.EncodeToString(sum[:15])
}
