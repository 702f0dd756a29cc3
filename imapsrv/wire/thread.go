package wire

import "strconv"

// ThreadNode is a message with the answers to it. Num 0 stands for a message
// that is not there but has answers (RFC 5256 §3, REFERENCES).
type ThreadNode struct {
	Num      uint32
	Children []ThreadNode
}

// Sort writes "* SORT n n n" (RFC 5256 §4), with the highest mod-sequence of
// the results if the search HasModSeq (RFC 7162 §3.1.6); 0 is none.
func (w *Writer) Sort(nums []uint32, modSeq uint64) {
	w.results("* SORT", nums, modSeq)
}

// Threads writes "* THREAD (2)(3 6 (4 23)(44 7 96))" (RFC 5256 §4). Nodes
// without a number give way to their children where the grammar has no place
// for them.
func (w *Writer) Threads(roots []ThreadNode) {
	w.buf = append(w.buf, "* THREAD"...)
	start := w.sent + int64(len(w.buf))
	for i := range roots {
		n := present(&roots[i])
		if n == nil {
			continue
		}
		if w.sent+int64(len(w.buf)) == start {
			w.buf = append(w.buf, ' ')
		}
		w.thread(n)
	}
	w.endLine()
}

// thread writes one thread-list. A chain of answers takes no recursion.
func (w *Writer) thread(n *ThreadNode) {
	w.buf = append(w.buf, '(')
	for sep := false; ; sep = true {
		if n.Num != 0 {
			if sep {
				w.buf = append(w.buf, ' ')
			}
			w.buf = strconv.AppendUint(w.buf, uint64(n.Num), 10)
			w.spill()
		}
		answers := n.answers(nil)
		if len(answers) != 1 {
			if len(answers) > 0 && n.Num != 0 {
				w.buf = append(w.buf, ' ')
			}
			for _, a := range answers {
				w.thread(a)
			}
			break
		}
		n = answers[0]
	}
	w.buf = append(w.buf, ')')
}

// answers lists the messages below n, with those below absent ones.
func (n *ThreadNode) answers(list []*ThreadNode) []*ThreadNode {
	for i := range n.Children {
		if c := &n.Children[i]; c.Num != 0 {
			list = append(list, c)
		} else {
			list = c.answers(list)
		}
	}
	return list
}

// present returns what a thread begins with: a message, or an absent one with
// at least two answers; nil if there is no message at all.
func present(n *ThreadNode) *ThreadNode {
	if n.Num != 0 {
		return n
	}
	switch answers := n.answers(nil); len(answers) {
	case 0:
		return nil
	case 1:
		return answers[0]
	}
	return n
}
