package imapsrv

import (
	"context"
	"fmt"

	"mail2graph/imapsrv/wire"
)

// extensions are the capabilities that hold in every state, each with what
// defines it. A capability comes in here with the change that completes it, and
// with a dialogue in testdata that shows it.
//
// Left out on purpose: NOTIFY (RFC 5465) promises news of all folders at once,
// and each would cost a request every few seconds; CREATE-SPECIAL-USE (RFC 6154
// §3), for Exchange alone says which folder is for what; QUOTASET, METADATA and ACL,
// for which Graph has nothing.
var extensions = []string{
	"IMAP4rev1", // RFC 3501
	"IMAP4rev2", // RFC 9051

	"LIST-EXTENDED",    // RFC 5258
	"LIST-STATUS",      // RFC 5819
	"BINARY",           // RFC 3516
	"MULTIAPPEND",      // RFC 3502
	"STATUS=SIZE",      // RFC 8438
	"OBJECTID",         // RFC 8474
	"PREVIEW",          // RFC 8970
	"SAVEDATE",         // RFC 8514
	"UNAUTHENTICATE",   // RFC 8437
	"REPLACE",          // RFC 8508
	"COMPRESS=DEFLATE", // RFC 4978
	"UTF8=ACCEPT",      // RFC 9755
	"INPROGRESS",       // RFC 9585

	"LITERAL+",    // RFC 7888
	"ID",          // RFC 2971
	"IDLE",        // RFC 2177
	"NAMESPACE",   // RFC 2342
	"CHILDREN",    // RFC 3348
	"SPECIAL-USE", // RFC 6154
	"UNSELECT",    // RFC 3691
	"UIDPLUS",     // RFC 4315
	"MOVE",        // RFC 6851
	"ENABLE",      // RFC 5161
	"CONDSTORE",   // RFC 7162
	"QRESYNC",     // RFC 7162 §3.2
	"ESEARCH",     // RFC 4731
	"SEARCHRES",   // RFC 5182
	"PARTIAL",     // RFC 9394
	"WITHIN",      // RFC 5032

	"SORT",                  // RFC 5256
	"SORT=DISPLAY",          // RFC 5957
	"ESORT",                 // RFC 5267
	"THREAD=ORDEREDSUBJECT", // RFC 5256
	"THREAD=REFERENCES",     // RFC 5256
}

// capabilities lists what this connection can do now. Before login the list
// also has what works after it for every account: some programs ask only once.
func (c *conn) capabilities() []string {
	caps := append([]string(nil), extensions...)
	caps = append(caps, fmt.Sprintf("APPENDLIMIT=%d", c.opts.MaxAppend)) // RFC 7889
	if c.account != nil {
		if c.account.HasQuota() {
			caps = append(caps, "QUOTA", "QUOTA=RES-STORAGE") // RFC 9208
		}
		return caps
	}
	caps = append(caps, "SASL-IR") // RFC 4959
	if c.opts.TLSConfig != nil && !c.secure {
		caps = append(caps, "STARTTLS")
	}
	if c.mayLogIn() {
		return append(caps, "AUTH=PLAIN")
	}
	return append(caps, "LOGINDISABLED")
}

// capability is CAPABILITY (RFC 3501 §6.1.1).
func (c *conn) capability(context.Context, *wire.Command) (answer, error) {
	c.w.Capability(c.capabilities())
	return answer{}, nil
}
