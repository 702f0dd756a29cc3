package wire

import "math"

// parseSelect parses SELECT and EXAMINE with their parameters (RFC 4466 §2.1).
func (r *Reader) parseSelect() any {
	m := &Mailbox{Name: r.mailbox()}
	if r.option('(') {
		r.list(false, func() { r.selectParam(m) })
	}
	return m
}

func (r *Reader) selectParam(m *Mailbox) {
	var buf [32]byte
	switch string(r.keyword(&buf)) {
	case "CONDSTORE": // RFC 7162 §3.1.8
		m.CondStore = true
	case "QRESYNC": // RFC 7162 §3.2.5
		r.sp()
		m.QResync = r.qresync()
	default:
		r.fail("Unknown SELECT parameter")
	}
}

// qresync takes "(" uidvalidity mod-sequence [known-uids] [seq-match-data] ")".
func (r *Reader) qresync() *QResync {
	q := &QResync{}
	r.expect('(', "Missing parenthesis")
	r.spaces()
	q.UIDValidity = uint32(r.nzNumber(math.MaxUint32))
	r.sp()
	q.ModSeq = uint64(r.number(math.MaxInt64))
	r.spaces()
	if c := r.peek(); c >= '0' && c <= '9' || c == '*' {
		q.KnownUIDs = r.knownSet()
		r.spaces()
	}
	if r.accept('(') {
		r.spaces()
		q.MatchSeqs = r.knownSet()
		r.sp()
		q.MatchUIDs = r.knownSet()
		r.spaces()
		r.expect(')', "Missing parenthesis")
		r.spaces()
	}
	r.expect(')', "Missing parenthesis")
	return q
}
