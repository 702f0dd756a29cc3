package imapsrv

import (
	"context"
	"time"

	"mail2graph/imapsrv/wire"
)

// unauthenticate is UNAUTHENTICATE (RFC 8437 §2): the connection is as it was
// before its login, for another one. TLS stays, and the count of
// refused logins; compression and what ENABLE switched on do not.
func (c *conn) unauthenticate(_ context.Context, cmd *wire.Command) (answer, error) {
	c.deselect()
	c.srv.leaveLogin(c.account.Name)
	c.log.Info("logged out")
	c.account, c.log = nil, c.visitor
	c.condStore, c.qresync, c.modSeqDue, c.stale = false, false, false, false
	c.utf8, c.rev2 = false, false
	c.setDialect()
	c.opened = time.Now() // its time to log in begins anew
	c.traceLogin()
	return c.endCompression(cmd, answer{code: wire.CodeCapability(c.capabilities())})
}
