package wire

import "strconv"

// SearchReturn says what a search answers with (RFC 4731 §3.1). RETURN () is All.
type SearchReturn struct {
	Min, Max, All, Count bool
	Save                 bool     // RFC 5182 §2.1
	Partial              *Partial // RFC 9394 §3.1; never with All
}

// Subset returns those results that the answer tells of: what SAVE saves (RFC
// 5182 §2.4, RFC 9394 §3.2), and whose highest mod-sequence the answer has (RFC
// 4731 §3.2). A nil SearchReturn means all.
func (s *SearchReturn) Subset(nums []uint32) []uint32 {
	n := len(nums)
	if s == nil || n == 0 || s.All || s.Count || !s.Min && !s.Max && s.Partial == nil {
		return nums
	}
	from, to := 0, 0
	if s.Partial != nil {
		from, to = s.Partial.Span(n)
	}
	some := from < to
	out := make([]uint32, 0, to-from+2)
	if s.Min && !(some && from == 0) {
		out = append(out, nums[0])
	}
	out = append(out, nums[from:to]...)
	if s.Max && !(some && to == n) && !(s.Min && n == 1) {
		out = append(out, nums[n-1])
	}
	return out
}

// silent reports whether only SAVE was asked for, which gives no response.
func (s *SearchReturn) silent() bool {
	return s.Save && !s.Min && !s.Max && !s.All && !s.Count && s.Partial == nil
}

// ESearch is the outcome of SEARCH or SORT to be written as ESEARCH.
type ESearch struct {
	Tag    string        // of the command
	UID    bool          // Nums are UIDs
	Return *SearchReturn // what to tell; nil: all, as IMAP4rev2 does without RETURN (RFC 9051 §6.4.4)
	Nums   []uint32      // all results in their order: ascending, or sorted
	ModSeq uint64        // highest of Return.Subset(Nums), if the search HasModSeq; 0 is left out
}

// ESearch writes "* ESEARCH (TAG "a1") UID COUNT 3 ALL 1:3" (RFC 4731 §3.1, RFC
// 5267 §3.2, RFC 9051 §7.3.4), with MIN, MAX and PARTIAL found in Nums. For
// RETURN (SAVE) alone it writes nothing.
func (w *Writer) ESearch(e *ESearch) {
	ret := e.Return
	if ret == nil {
		ret = &SearchReturn{All: true}
	}
	if ret.silent() {
		return
	}
	w.buf = append(w.buf, "* ESEARCH (TAG "...)
	w.buf = appendString(w.buf, e.Tag, Rev1)
	w.buf = append(w.buf, ')')
	if e.UID {
		w.buf = append(w.buf, " UID"...)
	}
	n := len(e.Nums)
	if ret.Min && n > 0 {
		w.result(" MIN ", uint64(e.Nums[0]))
	}
	if ret.Max && n > 0 {
		w.result(" MAX ", uint64(e.Nums[n-1]))
	}
	if ret.Count {
		w.result(" COUNT ", uint64(n))
	}
	if e.ModSeq > 0 && n > 0 {
		w.result(" MODSEQ ", e.ModSeq)
	}
	if ret.All && n > 0 {
		w.buf = append(w.buf, " ALL "...)
		w.ranges(e.Nums)
	}
	if ret.Partial != nil {
		w.partial(ret.Partial, e.Nums)
	}
	w.endLine()
}

func (w *Writer) result(name string, n uint64) {
	w.buf = append(w.buf, name...)
	w.buf = strconv.AppendUint(w.buf, n, 10)
}

// partial writes a page of results (RFC 9394 §3.1).
func (w *Writer) partial(p *Partial, nums []uint32) {
	w.buf = append(w.buf, " PARTIAL ("...)
	w.buf = append(w.buf, p.String()...)
	w.buf = append(w.buf, ' ')
	if from, to := p.Span(len(nums)); from < to {
		w.ranges(nums[from:to])
	} else {
		w.buf = append(w.buf, "NIL"...)
	}
	w.buf = append(w.buf, ')')
}

// ranges writes numbers as a set in their order.
func (w *Writer) ranges(nums []uint32) {
	for i := 0; i < len(nums); {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf, i = appendRun(w.buf, i, len(nums), func(i int) uint32 { return nums[i] })
		w.spill()
	}
}

// searchReturn takes RETURN and its options, nil if there is none.
func (r *Reader) searchReturn() *SearchReturn {
	if !r.word("RETURN") {
		return nil
	}
	r.sp()
	s := &SearchReturn{}
	r.list(true, func() { r.returnOption(s) })
	r.sp()
	if *s == (SearchReturn{}) {
		s.All = true // RFC 4731 §3.1
	}
	if s.All && s.Partial != nil {
		r.fail("Either ALL or PARTIAL")
	}
	return s
}

func (r *Reader) returnOption(s *SearchReturn) {
	var buf [32]byte
	switch string(r.keyword(&buf)) {
	case "MIN":
		s.Min = true
	case "MAX":
		s.Max = true
	case "ALL":
		s.All = true
	case "COUNT":
		s.Count = true
	case "SAVE":
		s.Save = true
	case "PARTIAL":
		if s.Partial != nil {
			r.fail("PARTIAL twice")
			return
		}
		r.sp()
		s.Partial = r.partial()
	default:
		r.fail("Unknown RETURN option")
	}
}
