package imapsrv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// answer is the tagged response of a command. As an error it is one that was
// decided here, whose text the client may see: a wrong state, a limit, a policy.
// The zero answer is "OK … completed".
type answer struct {
	cond wire.Condition
	code wire.Code
	text string
}

func (a answer) Error() string { return a.text }

// no is a refusal; bad is for what the protocol does not allow.
func no(code wire.Code, text string) error { return answer{wire.NO, code, text} }
func bad(text string) error                { return answer{wire.BAD, "", text} }

// failure is one line of the table from the bridge's kinds of failure to
// response codes (RFC 3501 §7.1, RFC 5530). The text is all that the client
// gets to know, and names the cure where there is one.
type failure struct {
	err  error
	code wire.Code
	text string
}

var failures = []failure{
	{bridge.ErrAuth, wire.CodeAuthenticationFailed, "User name or password is wrong"},
	// RFC 5530: temporary; clients keep the password that they have.
	{bridge.ErrLocked, wire.CodeUnavailable, "Too many wrong passwords from this address or for this user; try again in a quarter of an hour"},
	{bridge.ErrCredentials, wire.CodeUnavailable, "The gateway's credentials for Exchange Online were refused; its operator must renew them"},
	{bridge.ErrDenied, wire.CodeNoPerm, "Exchange Online does not permit this; the gateway's operator can look up the reason in its log"},
	{bridge.ErrNoMailbox, wire.CodeNonExistent, "Exchange Online has no such mailbox, or it is not ready yet; the gateway's operator must check its address and licence"},
	{bridge.ErrNotFound, wire.CodeNonExistent, "No such folder or message"},
	{bridge.ErrExists, wire.CodeAlreadyExists, "A folder of this name exists already"},
	{bridge.ErrInvalid, wire.CodeCannot, "Exchange Online cannot do this"},
	{bridge.ErrTooLarge, wire.CodeTooBig, "The message is larger than Exchange Online or the gateway accepts"},
	{bridge.ErrQuota, wire.CodeOverQuota, "The mailbox is full; delete mail or ask its administrator for more room"},
	{bridge.ErrNoSpace, wire.CodeOverQuota, "The gateway's disk is full; its operator must make room"},
	{bridge.ErrUnavailable, wire.CodeUnavailable, "Exchange Online cannot be reached at the moment; try again later"},
	{bridge.ErrResync, wire.CodeUnavailable, "The folder must be read anew; try again"},
	{context.DeadlineExceeded, wire.CodeUnavailable, "Exchange Online did not answer in time; try again later"},
	{context.Canceled, wire.CodeUnavailable, "The gateway is stopping; try again later"},
}

var (
	throttled = failure{nil, wire.CodeUnavailable, "Exchange Online asks for fewer requests; try again later"}
	unknown   = failure{nil, wire.CodeServerBug, "Internal error of the gateway; its log has the details"}
	noTarget  = failure{nil, wire.CodeTryCreate, "No such folder; create it first"}
)

// targetError is an error of the folder that APPEND, COPY or MOVE write to: a
// missing one asks the client to create it (RFC 3501 §6.3.11).
type targetError struct{ err error }

func (e *targetError) Error() string { return e.err.Error() }
func (e *targetError) Unwrap() error { return e.err }

// partError is an order that was not carried out on all its messages. The client
// learns which: an automaton has to know what to do again.
type partError struct {
	what   string // "not moved"
	failed []uint32
	of     int
	err    error
}

// inPart is the error of an order on so many messages, nil for nil.
func inPart(what string, failed []uint32, of int, err error) error {
	if err == nil {
		return nil
	}
	slices.Sort(failed)
	return &partError{what, failed, of, err}
}

func (e *partError) Error() string { return e.text() + ": " + e.err.Error() }
func (e *partError) Unwrap() error { return e.err }

// text names the messages, the first of very many ranges (RFC 9051 §4 recommends
// lines of less than 8,000 octets).
func (e *partError) text() string {
	var b []byte
	set := wire.Numbers(e.failed)
	for i, r := range set {
		if i > 0 {
			b = append(b, ',')
		}
		if len(b) > 1000 {
			b = fmt.Appendf(b, "and %d more ranges", len(set)-i)
			break
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		if r.Last != r.First {
			b = fmt.Appendf(b, ":%d", r.Last)
		}
	}
	return fmt.Sprintf("%d of %d messages %s, UID %s", len(e.failed), e.of, e.what, b)
}

// lookUp finds the line for an error of the bridge.
func lookUp(err error) failure {
	var retry *bridge.RetryError
	var target *targetError
	switch {
	case errors.As(err, &retry):
		return throttled
	case errors.As(err, &target) && errors.Is(err, bridge.ErrNotFound):
		return noTarget
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f
		}
	}
	return unknown
}

// answerTo turns what ended a command into its tagged response, and logs what
// the client does not get to see.
func (c *conn) answerTo(cmd *wire.Command, err error) answer {
	var a answer
	if errors.As(err, &a) {
		return a
	}
	var syntax *wire.SyntaxError
	if errors.As(err, &syntax) {
		return answer{syntax.Condition(), syntax.Code, syntax.Text}
	}
	f := lookUp(err)
	c.logFailure("command failed", f, err, "command", name(cmd))
	var part *partError
	if errors.As(err, &part) && len(part.failed) > 0 {
		f.text += " (" + part.text() + ")"
	}
	var left *bridge.LeftoverError
	if errors.As(err, &left) {
		f.text += fmt.Sprintf("; messages filed nevertheless that could not be taken back: %d", len(left.UIDs))
	}
	return answer{wire.NO, f.code, f.text}
}

// logFailure logs an error of the bridge: our own bugs are errors, the rest is
// the service's or the operator's.
func (c *conn) logFailure(msg string, f failure, err error, args ...any) {
	level := slog.LevelWarn
	if f.code == wire.CodeServerBug {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, msg, append(args, "error", err)...)
}

// asAnswer makes an answer of one that came as an error.
func asAnswer(a answer, err error) answer {
	if err != nil {
		errors.As(err, &a)
	}
	return a
}
