package wire

import "slices"

// sortNames are the criteria of SORT: RFC 5256 §3, RFC 5957 §3.
var sortNames = []string{"ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "SIZE", "SUBJECT", "TO"}

// parseSort parses SORT, whose charset is not optional (RFC 5256 §3).
func (r *Reader) parseSort() any {
	p := &searchParser{Reader: r}
	s := &Sort{Return: r.searchReturn()}
	r.list(false, func() { s.Criteria = append(s.Criteria, r.sortCriterion()) })
	r.sp()
	s.Charset = p.charsetName()
	r.sp()
	s.Key = p.keys()
	r.noteSave(s.Return)
	return s
}

func (r *Reader) sortCriterion() (c SortCriterion) {
	if r.word("REVERSE") {
		c.Reverse = true
		r.sp()
	}
	var buf [32]byte
	c.By = string(r.keyword(&buf))
	if !slices.Contains(sortNames, c.By) {
		r.fail("Unknown sort criterion")
	}
	return c
}

func (r *Reader) parseThread() any {
	p := &searchParser{Reader: r}
	t := &Thread{}
	var buf [32]byte
	switch t.Algorithm = string(r.keyword(&buf)); t.Algorithm {
	case "ORDEREDSUBJECT", "REFERENCES":
	default:
		r.fail("Unknown thread algorithm")
	}
	r.sp()
	t.Charset = p.charsetName()
	r.sp()
	t.Key = p.keys()
	return t
}
