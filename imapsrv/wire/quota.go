package wire

import (
	"math"
	"strconv"
	"strings"
)

// QuotaResource is what a quota root has of a resource: STORAGE in units of 1024
// octets, MESSAGE, MAILBOX, ANNOTATION-STORAGE (RFC 9208 §5).
type QuotaResource struct {
	Name  string
	Usage int64
	Limit int64
}

// QuotaRoots writes "* QUOTAROOT mailbox root root" (RFC 9208 §4.2.2).
func (w *Writer) QuotaRoots(mailbox string, roots []string) {
	w.buf = append(w.buf, "* QUOTAROOT "...)
	w.buf = appendMailbox(w.buf, mailbox, w.cs)
	for _, root := range roots {
		w.buf = append(w.buf, ' ')
		w.buf = appendString(w.buf, root, w.cs)
	}
	w.endLine()
}

// Quota writes "* QUOTA root (STORAGE 10 512)" (RFC 9208 §4.2.1).
func (w *Writer) Quota(root string, resources []QuotaResource) {
	w.buf = append(w.buf, "* QUOTA "...)
	w.buf = appendString(w.buf, root, w.cs)
	w.buf = append(w.buf, " ("...)
	for i, r := range resources {
		if i > 0 {
			w.buf = append(w.buf, ' ')
		}
		w.buf = append(w.buf, r.Name...)
		for _, n := range [...]int64{r.Usage, r.Limit} {
			w.buf = append(w.buf, ' ')
			w.buf = strconv.AppendInt(w.buf, max(n, 0), 10)
		}
	}
	w.buf = append(w.buf, ')')
	w.endLine()
}

func (r *Reader) parseGetQuota() any { return &QuotaRoot{Name: r.utf8(r.astring())} }

func (r *Reader) parseSetQuota() any {
	q := &SetQuota{Root: r.utf8(r.astring())}
	r.sp()
	r.list(true, func() {
		name := strings.ToUpper(string(r.run(classAtom)))
		if name == "" {
			r.fail("Missing resource")
			return
		}
		r.sp()
		q.Limits = append(q.Limits, QuotaLimit{Resource: name, Limit: r.number(math.MaxInt64)})
	})
	return q
}
