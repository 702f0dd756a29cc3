package wire

import "errors"

// ErrOutOfSync says that the end of a command cannot be found any more: the
// peer sent junk beyond every limit. The connection must be closed.
var ErrOutOfSync = errors.New("command stream out of step")

// SyntaxError is a command that cannot be carried out as it was sent. The
// stream stands at the next command: rest of line and announced literals of
// the broken one are skipped. Answer it with Tag, Condition and Code.
type SyntaxError struct {
	Tag  string // "*" if the line had no valid tag
	Name string // upper case, without UID; "" if not known
	No   bool   // the grammar is right, a limit or charset is not: NO instead of BAD
	Code Code   // CodeTooBig, CodeBadCharset or ""
	Text string // for the client; never quotes what it sent
	Save bool   // a search with SAVE: after NO the saved result is empty (RFC 5182 §2.1)
}

func (e *SyntaxError) Error() string { return e.Text }

// Condition returns NO or BAD.
func (e *SyntaxError) Condition() Condition {
	if e.No {
		return NO
	}
	return BAD
}
