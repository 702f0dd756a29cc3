package wire

import (
	"strings"

	"mail2graph/bridge"
)

// flag takes a flag or keyword; unknown \Flags are the server's to ignore.
func (r *Reader) flag() string {
	start := r.pos
	r.accept('\\')
	if len(r.run(classAtom)) == 0 {
		r.fail("Invalid flag")
		return ""
	}
	return string(r.line[start:r.pos])
}

// flagList takes flags in parentheses.
func (r *Reader) flagList() []string {
	var flags []string
	r.list(true, func() { flags = append(flags, r.flag()) })
	return flags
}

// storeOps are the forms of STORE's item, without .SILENT.
var storeOps = map[string]bridge.FlagOp{
	"FLAGS":  bridge.FlagsReplace,
	"+FLAGS": bridge.FlagsAdd,
	"-FLAGS": bridge.FlagsRemove,
}

func (r *Reader) parseStore() any {
	st := &Store{Set: r.set()}
	r.sp()
	if r.peek() == '(' {
		r.list(false, func() { r.storeModifier(st) })
		r.sp()
	}
	item := strings.ToUpper(string(r.run(classAtom)))
	item, st.Silent = strings.CutSuffix(item, ".SILENT")
	op, ok := storeOps[item]
	if !ok {
		r.fail("Unknown STORE item")
		return st
	}
	st.Op = op
	r.sp()
	if r.peek() == '(' {
		st.Flags = r.flagList()
		return st
	}
	for r.err == nil {
		st.Flags = append(st.Flags, r.flag())
		r.spaces()
		if r.pos == len(r.line) {
			break
		}
	}
	return st
}

// storeModifier takes one of the modifiers before the item (RFC 4466 §2.5).
func (r *Reader) storeModifier(st *Store) {
	var buf [32]byte
	if string(r.keyword(&buf)) != "UNCHANGEDSINCE" {
		r.fail("Unknown STORE modifier")
		return
	}
	r.sp()
	st.UnchangedSince = r.modSeq()
}

func (r *Reader) parseCopy() any {
	set := r.set()
	r.sp()
	return &Copy{Set: set, Mailbox: r.mailbox()}
}

func (r *Reader) parseExpunge() any { return &Expunge{Set: r.set()} }
