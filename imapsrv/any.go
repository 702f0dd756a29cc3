package imapsrv

import (
	"context"
	"log/slog"

	"mail2graph/imapsrv/wire"
)

// noop is NOOP (RFC 3501 §6.1.2): how clients without IDLE ask for news.
func (c *conn) noop(ctx context.Context, _ *wire.Command) (answer, error) {
	if c.view == nil {
		return answer{}, nil
	}
	return answer{}, c.sync(ctx, c.view.folder, false)
}

// logout is LOGOUT (RFC 3501 §6.1.3).
func (c *conn) logout(context.Context, *wire.Command) (answer, error) {
	c.deselect()
	c.closing = true
	c.w.Untagged(wire.BYE, "", "Logging out")
	return answer{}, nil
}

// id is ID (RFC 2971). What the client says of itself helps the operator.
func (c *conn) id(_ context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.ID)
	var attrs []any
	for _, k := range []string{"name", "version", "os"} {
		if v := args.Params[k]; v != "" {
			attrs = append(attrs, slog.String(k, v))
		}
	}
	if attrs != nil {
		c.log.Debug("client identified itself", slog.Group("client", attrs...))
	}
	params := []wire.IDParam{{Name: "name", Value: "mail2graph"}}
	if c.opts.Version != "" {
		params = append(params, wire.IDParam{Name: "version", Value: c.opts.Version})
	}
	c.w.ID(params)
	return answer{}, nil
}
