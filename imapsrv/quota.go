package imapsrv

import (
	"context"
	"errors"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// QUOTA (RFC 9208): a quota root for each mailbox whose limit the operator has
// stated, by the name of the mailbox. Its one resource is STORAGE. Nobody sets
// a quota here, so that QUOTASET is not announced.

// getQuotaRoot is GETQUOTAROOT (RFC 9208 §4.1.2). A folder without a quota has no
// root, and so has one of a mailbox whose size the service does not tell.
func (c *conn) getQuotaRoot(ctx context.Context, cmd *wire.Command) (answer, error) {
	name := cmd.Args.(*wire.Mailbox).Name
	f, err := c.folder(ctx, name)
	if err != nil {
		return answer{}, err
	}
	m := c.account.MailboxOf(f)
	q, err := c.quotaOf(ctx, m)
	switch {
	case errors.Is(err, bridge.ErrNotFound):
		c.w.QuotaRoots(name, nil)
		return answer{}, nil
	case err != nil:
		return answer{}, err
	}
	c.w.QuotaRoots(name, []string{m.Name()})
	c.writeQuota(m, q)
	return answer{}, nil
}

// getQuota is GETQUOTA (RFC 9208 §4.1.1).
func (c *conn) getQuota(ctx context.Context, cmd *wire.Command) (answer, error) {
	m, err := c.account.MailboxNamed(cmd.Args.(*wire.QuotaRoot).Name)
	var q bridge.Quota
	if err == nil {
		q, err = c.quotaOf(ctx, m)
	}
	switch {
	case errors.Is(err, bridge.ErrNotFound):
		return answer{}, no(wire.CodeNonExistent, "No such quota root")
	case err != nil:
		return answer{}, err
	}
	c.writeQuota(m, q)
	return answer{}, nil
}

// setQuota is SETQUOTA (RFC 9208 §4.1.3).
func (c *conn) setQuota(context.Context, *wire.Command) (answer, error) {
	return answer{}, no(wire.CodeNoPerm, "Quotas are set by the administrator of Exchange Online")
}

func (c *conn) quotaOf(ctx context.Context, m *bridge.Mailbox) (q bridge.Quota, err error) {
	err = c.call(ctx, 0, func(ctx context.Context) (err error) {
		q, err = m.Quota(ctx)
		return err
	})
	return q, err
}

// writeQuota tells STORAGE, which counts in units of 1,024 octets (RFC 9208 §5.1).
func (c *conn) writeQuota(m *bridge.Mailbox, q bridge.Quota) {
	c.w.Quota(m.Name(), []wire.QuotaResource{{Name: "STORAGE", Usage: (q.Used + 1023) / 1024, Limit: q.Limit / 1024}})
}
