package smtpsrv

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mail2graph/bridge"

	"github.com/emersion/go-smtp"
)

// session is one conversation as go-smtp sees it. go-smtp passes no context, so
// it keeps that of its connection.
type session struct {
	ctx  context.Context
	srv  *Server
	o    *Options
	conn *conn
	log  *slog.Logger

	figures *figures

	account  Account // nil before a login
	name     string  // of the login, for figures and Limits
	failures int     // wrong passwords

	opened bool // MAIL was accepted
	utf8   bool // it said SMTPUTF8
	env    bridge.Submission
}

// Logout implements smtp.Session.
func (s *session) Logout() error {
	s.conn.dropChunks()
	return nil
}

// Reset implements smtp.Session.
func (s *session) Reset() {
	s.opened, s.utf8, s.env = false, false, bridge.Submission{}
	s.conn.dropChunks()
}

// ready reports whether a message may follow.
func (s *session) ready() bool { return s.opened && len(s.env.Recipients) > 0 }

// use makes an account the session's, unless there are too many sessions of it.
func (s *session) use(account Account, user string) error {
	name := user
	if d, ok := account.(Described); ok {
		name = d.LoginName()
	}
	if !s.srv.logins.enter(name) {
		s.log.Warn("too many connections of one login", "user", user)
		s.conn.last = true
		return errTooManySessions
	}
	s.account, s.name, s.log = account, name, s.log.With("login", name)
	s.figures.session(name, 1)
	s.conn.authed = true
	return nil
}

// end gives up what the session holds of Limits, and its place in the figures.
func (s *session) end() {
	if s.account != nil {
		s.srv.logins.leave(s.name)
		s.figures.session(s.name, -1)
		s.account = nil
	}
}

// trust looks whether the peer's address needs no password.
func (s *session) trust() error {
	remote := s.conn.RemoteAddr().String()
	account, name, err := s.o.Trusted(s.ctx, remote)
	switch {
	case errors.Is(err, bridge.ErrAuth):
		return nil // he is somebody like everybody
	case err != nil:
		s.log.Error("trusted address not usable", "error", err)
		return replyTo(err)
	}
	if err := s.use(account, name); err != nil {
		return err
	}
	s.log.Info("trusted by address", "tls", s.conn.secure)
	return nil
}

// Mail implements smtp.Session. What it is given stands in for what conn has read.
func (s *session) Mail(string, *smtp.MailOptions) error {
	p := s.conn.takePath()
	if s.account == nil && s.o.Trusted != nil {
		if err := s.trust(); err != nil {
			return err
		}
	}
	switch {
	case s.account == nil && !s.mayAuth():
		return errStartTLSFirst
	case s.account == nil:
		return errNeedsAuth
	case p.err != nil:
		return p.err
	case s.opened:
		return errNestedMail
	case s.maxSize() < p.params.size: // RFC 1870 §6.1
		return replyTo(errTooLarge)
	}
	from := p.address
	if from != "" {
		if !strings.Contains(from, "@") && s.account.Domain() != "" { // RFC 6409 §5.1: cron says "root"
			from += "@" + s.account.Domain()
		}
		address, err := checkAddress(from, p.params.utf8)
		if err != nil {
			return err
		}
		from = address
	}
	if !s.account.MaySend(from) {
		s.log.Warn("sender refused", "from", from)
		return notHis("MAIL FROM", from)
	}
	now := time.Now()
	if !s.srv.addressPace.admit(hostKey(s.conn.RemoteAddr().String()), now) || !s.srv.loginPace.admit(s.name, now) {
		s.log.Warn("too many messages in a minute")
		return errTooFast
	}
	s.opened, s.utf8 = true, p.params.utf8
	s.env = bridge.Submission{
		From: from, EnvelopeID: p.params.envelopeID, ReturnFull: p.params.returnFull, Binary: p.params.body == "BINARYMIME",
	}
	return nil
}

// maxSize is the size of a message that is taken.
func (s *session) maxSize() int64 { return min(s.o.MaxSize, s.account.MaxSize()) }

// Rcpt implements smtp.Session. A recipient that is named twice counts once.
func (s *session) Rcpt(string, *smtp.RcptOptions) error {
	p := s.conn.takePath()
	switch {
	case s.conn.chunks != nil:
		return errLateRcpt
	case p.err != nil:
		return p.err
	}
	to := p.address
	if strings.EqualFold(to, "postmaster") && s.account.Domain() != "" { // RFC 5321 §4.5.1
		to += "@" + s.account.Domain()
	}
	if to != "" && !strings.Contains(to, "@") {
		return errNoDomain
	}
	to, err := checkAddress(to, s.utf8)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(s.env.Recipients, func(r bridge.Recipient) bool { return strings.EqualFold(r.Address, to) }) {
		return nil
	}
	if most := s.account.MaxRecipients(); most > 0 && len(s.env.Recipients) >= most {
		return errRcptLimit // RFC 5321 §4.5.3.1.10
	}
	s.env.Recipients = append(s.env.Recipients, bridge.Recipient{Address: to, Notify: p.params.notify, Original: p.params.original})
	return nil
}

// Data implements smtp.Session. The text comes from conn, not from go-smtp.
func (s *session) Data(io.Reader) error {
	in, err := s.conn.message()
	if err != nil {
		s.log.Warn("message cut off", "from", s.env.From, "error", err)
		return replyTo(err) // conn lets no reply out any more
	}
	defer in.spool.close()
	log := s.log.With("from", s.env.From, "recipients", len(s.env.Recipients), "size", in.spool.size)
	if in.err != nil {
		log.Warn("message not taken", "error", in.err)
		return replyTo(in.err)
	}
	if in.lines != nil && in.lines.changed {
		log = log.With("line_ends", "mended")
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.o.SendTimeout)
	defer cancel()
	receipt, err := s.account.Send(ctx, s.env, in.spool.reader())
	if err != nil {
		reply := replyTo(err)
		level := slog.LevelWarn
		if reply.EnhancedCode == serverBug.EnhancedCode {
			level = slog.LevelError
		}
		log.Log(s.ctx, level, "message not sent", "code", reply.Code, "error", err)
		return reply
	}
	log.Info("message accepted", "queue_id", receipt.QueueID, "queued", receipt.Queued, "request_id", receipt.RequestID)
	return accepted(receipt)
}

// accepted is the reply to a message that the service or the outbox took, with
// the names that the operator's log and Microsoft's support know it by. Through
// go-smtp a text of ours can go out only as an "error".
func accepted(receipt bridge.Receipt) error {
	if receipt.Queued {
		return refuse(250, 2, 0, 0, "Queued as "+receipt.QueueID)
	}
	text := "Accepted by Exchange Online"
	if receipt.QueueID != "" {
		text += ", queue-id " + receipt.QueueID
	}
	if id := receipt.RequestID; id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		text += ", request-id " + id
	}
	return refuse(250, 2, 6, 0, text)
}
