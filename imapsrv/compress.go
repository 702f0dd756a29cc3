package imapsrv

import (
	"context"

	"mail2graph/imapsrv/wire"
)

// compress is COMPRESS (RFC 4978): the OK is the last that goes out as it is,
// and what the client sent after the command is compressed already.
func (c *conn) compress(_ context.Context, cmd *wire.Command) (answer, error) {
	switch {
	case c.compressed:
		return answer{}, no(wire.CodeCompressionActive, "DEFLATE is active already")
	case cmd.Args.(*wire.Compress).Mechanism != "DEFLATE":
		return answer{}, no("", "Mechanism not supported, use DEFLATE")
	}
	c.w.Tagged(cmd.Tag, wire.OK, "", "DEFLATE active")
	if err := c.w.Deflate(c.trace.overWriter); err != nil {
		return answer{}, &lostError{err}
	}
	c.r.Inflate(c.trace.overReader)
	c.compressed = true
	c.trace.compress(true)
	return answer{cond: answered}, nil
}

// endCompression answers the last command that may be compressed (RFC 8437 §4.1).
func (c *conn) endCompression(cmd *wire.Command, a answer) (answer, error) {
	if !c.compressed {
		return a, nil
	}
	c.w.Tagged(cmd.Tag, wire.OK, a.code, name(cmd)+" completed")
	if err := c.w.EndDeflate(); err != nil {
		return answer{}, &lostError{err}
	}
	c.net.expect()
	if err := c.r.EndInflate(); err != nil {
		return answer{}, &lostError{err}
	}
	c.compressed = false
	c.trace.compress(false)
	return answer{cond: answered}, nil
}
