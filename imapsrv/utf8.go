package imapsrv

import (
	"errors"

	"mail2graph/imapsrv/wire"
)

// UTF8=ACCEPT (RFC 9755, before RFC 6855): once it is enabled names and strings
// are UTF-8 in both directions. Messages come and go as they are either way.

// enableUTF8 is ENABLE UTF8=ACCEPT (RFC 9755 §3).
func (c *conn) enableUTF8() {
	c.utf8 = true
	c.setDialect()
}

// checkUTF8 refuses what depends on UTF8=ACCEPT being enabled, or not: a charset
// in SEARCH (RFC 9755 §3), another one than UTF-8 where the grammar demands one,
// and the UTF8 data item of APPEND (§4).
func (c *conn) checkUTF8(cmd *wire.Command) error {
	switch args := cmd.Args.(type) {
	case *wire.Search:
		if c.utf8 && args.Charset != "" {
			return bad("No charset may be named once UTF8=ACCEPT is enabled")
		}
	case *wire.Sort:
		return c.checkCharset(args.Charset)
	case *wire.Thread:
		return c.checkCharset(args.Charset)
	case *wire.Append:
		return c.checkUTF8Message(args)
	case *wire.Replace:
		return c.checkUTF8Message(args.Message)
	}
	return nil
}

func (c *conn) checkCharset(name string) error {
	switch name {
	case "UTF-8", "UTF8", "US-ASCII", "ASCII":
		return nil
	}
	if c.utf8 {
		return bad("Only UTF-8 goes with UTF8=ACCEPT")
	}
	return nil
}

func (c *conn) checkUTF8Message(msg *wire.Append) error {
	if c.utf8 || !msg.UTF8 {
		return nil
	}
	return errors.Join(bad("UTF8 is only for those who enabled UTF8=ACCEPT"), c.refuseLiteral(msg.Literal))
}
