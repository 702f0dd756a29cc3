package smtpsrv

import (
	"bytes"
	"errors"
	"net"
	"strings"

	"mail2graph/bridge"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// maxAuthFailures is how many wrong passwords one connection may try.
const maxAuthFailures = 3

// AuthMechanisms implements smtp.AuthSession. Passwords travel over TLS or
// inside this host alone; elsewhere AUTH is not even offered.
func (s *session) AuthMechanisms() []string {
	if !s.mayAuth() {
		return nil
	}
	return []string{sasl.Plain, sasl.Login}
}

func (s *session) mayAuth() bool {
	return s.conn.secure || s.o.AllowPlain(s.conn.RemoteAddr())
}

// isLocal reports whether a peer is on this host.
func isLocal(a net.Addr) bool {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.IP.IsLoopback()
	}
	return a.Network() == "unix" || a.Network() == "pipe"
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(mech string) (sasl.Server, error) {
	switch {
	case !known(mech):
		return nil, errMechanism
	case !s.mayAuth():
		return nil, errNeedsTLS
	case s.opened:
		return nil, errAuthInMail // RFC 4954 §4
	}
	switch mech {
	case sasl.Plain:
		return &plainServer{login: s.login}, nil
	case sasl.Login:
		return &loginServer{login: s.login}, nil
	}
	return nil, errMechanism
}

// known reports whether there is such a mechanism here.
func known(mech string) bool {
	return strings.EqualFold(mech, sasl.Plain) || strings.EqualFold(mech, sasl.Login)
}

// login checks a password and opens the session's account.
func (s *session) login(user, password string) error {
	remote := s.conn.RemoteAddr().String()
	account, err := s.o.Login(s.ctx, user, password, remote)
	switch {
	case err == nil:
		s.end() // of a trusted address
		if err := s.use(account, user); err != nil {
			return err
		}
		s.log.Info("logged in", "tls", s.conn.secure)
		return nil
	case errors.Is(err, bridge.ErrDenied):
		s.log.Warn("login refused", "user", user, "error", err)
		return errNoSMTP
	case errors.Is(err, bridge.ErrAuth), errors.Is(err, bridge.ErrLocked):
		s.log.Warn("login refused", "user", user, "error", err)
		if s.failures++; s.failures >= maxAuthFailures {
			s.conn.last = true
			return errTooManyTries
		}
		return replyTo(err)
	}
	s.log.Error("login not possible", "user", user, "error", err)
	return errAuthUnavailable
}

// plainServer is RFC 4616. go-sasl's lets the text of its own errors out.
type plainServer struct {
	login func(user, password string) error
	asked bool
}

// Next implements sasl.Server. An authorization identity equal to the user is
// what many programs send.
func (p *plainServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil && !p.asked {
		p.asked = true
		return []byte{}, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 {
		return nil, false, errAuthSyntax
	}
	authzid, user, password := string(parts[0]), string(parts[1]), string(parts[2])
	if authzid != "" && authzid != user {
		return nil, false, errAuthzid
	}
	return nil, true, p.login(user, password)
}

// loginServer is draft-murchison-sasl-login: devices and old Outlook know
// nothing else. The user name may come with the command.
type loginServer struct {
	login   func(user, password string) error
	user    string
	asked   bool
	hasUser bool
}

// Next implements sasl.Server.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil && !l.asked:
		l.asked = true
		return []byte("Username:"), false, nil
	case !l.hasUser:
		l.asked, l.hasUser, l.user = true, true, string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.login(l.user, string(response))
}

var (
	_ smtp.AuthSession = (*session)(nil)
	_ sasl.Server      = (*plainServer)(nil)
	_ sasl.Server      = (*loginServer)(nil)
)
