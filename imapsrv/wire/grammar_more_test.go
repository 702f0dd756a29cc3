package wire

func (g *grammar) set() {
	for {
		first := g.number()
		if g.take(":") && g.number() <= first {
			g.fail("range in the wrong order")
		}
		if !g.take(",") {
			return
		}
	}
}

func (g *grammar) at(c byte) bool { return g.pos < len(g.b) && g.b[g.pos] == c }

func (g *grammar) objectID() {
	g.need("(")
	id := g.while(func(c byte) bool {
		return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	})
	if len(id) < 1 || len(id) > 255 {
		g.fail("identifier of %d octets", len(id))
	}
	g.need(")")
}

func (g *grammar) listItem() {
	switch name := g.str(false); name {
	case "CHILDINFO":
		g.need(" (")
		if g.take(")") {
			g.fail("empty CHILDINFO")
		}
		g.listed(func() { g.str(false) })
	case "OLDNAME":
		g.need(" (")
		g.str(false)
		g.need(")")
	default:
		g.fail("unknown item %q", name)
	}
}

func (g *grammar) esearch() {
	g.need(" (TAG ")
	g.str(false)
	g.need(")")
	g.take(" UID")
	for g.take(" ") {
		switch what := g.atom(); what {
		case "MIN", "MAX", "COUNT", "MODSEQ":
			g.need(" ")
			g.number()
		case "ALL":
			g.need(" ")
			g.set()
		case "PARTIAL":
			g.need(" (")
			minus := g.take("-")
			g.number()
			g.need(":")
			if g.take("-") != minus {
				g.fail("mixed range")
			}
			g.number()
			g.need(" ")
			if !g.take("NIL") {
				g.set()
			}
			g.need(")")
		default:
			g.fail("unknown %s", what)
		}
	}
}

func (g *grammar) thread() {
	g.need("(")
	members := false
	for g.err == nil && !g.at('(') {
		g.number()
		members = true
		if g.take(")") {
			return
		}
		g.need(" ")
	}
	lists := 0
	for ; g.err == nil && g.at('('); lists++ {
		g.thread()
	}
	g.need(")")
	if lists < 2 {
		g.fail("%d nested lists (after members: %v)", lists, members)
	}
}
