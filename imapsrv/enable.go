package imapsrv

import (
	"context"
	"strings"

	"mail2graph/imapsrv/wire"
)

// enablers are the extensions that a client has to switch on, each with what
// that does to its connection. They stay on until it ends.
var enablers = map[string]func(*conn){
	"CONDSTORE": (*conn).enableCondStore, // RFC 7162 §3.1
	"QRESYNC":   (*conn).enableQResync,   // §3.2.3

	"UTF8=ACCEPT": (*conn).enableUTF8, // RFC 9755 §3
	"IMAP4REV2":   (*conn).enableRev2, // RFC 9051 §6.3.1
}

// spelling is a capability as CAPABILITY announces it.
func spelling(name string) string {
	for _, e := range extensions {
		if strings.EqualFold(e, name) {
			return e
		}
	}
	return name
}

// enable is ENABLE (RFC 5161 §3.1). What cannot be enabled is passed over; the
// response tells what was (§3.2), also if it was on before.
func (c *conn) enable(_ context.Context, cmd *wire.Command) (answer, error) {
	var done []string
	for _, name := range cmd.Args.(*wire.Enable).Capabilities {
		if switchOn := enablers[name]; switchOn != nil {
			switchOn(c)
			done = append(done, spelling(name))
		}
	}
	c.w.Enabled(done)
	return answer{}, nil
}
