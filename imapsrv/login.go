package imapsrv

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// maxRefused is how many refused logins end the connection.
const maxRefused = 3

// mayLogIn reports whether a password may come over this connection.
func (c *conn) mayLogIn() bool { return c.secure || c.opts.AllowPlain(c.remote) }

// startTLS is STARTTLS (RFC 3501 §6.2.1).
func (c *conn) startTLS(ctx context.Context, cmd *wire.Command) (answer, error) {
	switch {
	case c.secure:
		return answer{}, bad("The connection is encrypted already")
	case c.opts.TLSConfig == nil:
		return answer{}, bad("The gateway has no certificate")
	case c.r.Buffered() > 0:
		// What came in the clear after the command must never count as if it
		// had come encrypted.
		c.closing = true
		return answer{}, bad("Nothing may follow STARTTLS before the handshake")
	}
	c.w.Tagged(cmd.Tag, wire.OK, "", "Begin TLS now")
	if err := c.w.Flush(); err != nil {
		return answer{}, &lostError{err}
	}
	c.net.expect()
	c.tls = tls.Server(c.net, c.opts.TLSConfig)
	ctx, cancel := context.WithTimeout(ctx, c.opts.TransferTimeout)
	defer cancel()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		c.tls = nil
		return answer{}, &lostError{fmt.Errorf("TLS handshake: %w", err)}
	}
	c.secure = true
	c.attach(c.tls)
	return answer{cond: answered}, nil
}

// login is LOGIN (RFC 3501 §6.2.3).
func (c *conn) login(ctx context.Context, cmd *wire.Command) (answer, error) {
	if !c.mayLogIn() {
		return answer{}, errNotPrivate
	}
	args := cmd.Args.(*wire.Login)
	return c.logIn(ctx, args.User, args.Password)
}

var errNoIMAP = no(wire.CodeNoPerm, "This user name may not be used for IMAP; the gateway's operator can look up the reason in its log")

var errNotPrivate = no(wire.CodePrivacyRequired, "A password may only be sent over TLS from another host")

// authenticate is AUTHENTICATE (RFC 3501 §6.2.2, RFC 4959): PLAIN (RFC 4616),
// and LOGIN for programs that know nothing else.
func (c *conn) authenticate(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Authenticate)
	if args.Mechanism != "PLAIN" && args.Mechanism != "LOGIN" {
		return answer{}, no("", "Mechanism not supported, use PLAIN")
	}
	if !c.mayLogIn() {
		return answer{}, errNotPrivate
	}
	if args.Mechanism == "LOGIN" {
		return c.saslLogin(ctx, args.Initial)
	}
	message := args.Initial
	if message == nil {
		var err error
		if message, err = c.challenge(""); err != nil {
			return answer{}, err
		}
	}
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 {
		return answer{}, bad("Malformed PLAIN message")
	}
	acting, user, password := string(parts[0]), string(parts[1]), string(parts[2])
	if acting != "" && acting != user {
		return answer{}, no(wire.CodeAuthorizationFailed, "Acting as somebody else is not possible")
	}
	return c.logIn(ctx, user, password)
}

func (c *conn) saslLogin(ctx context.Context, user []byte) (answer, error) {
	var err error
	if user == nil {
		if user, err = c.challenge("Username:"); err != nil {
			return answer{}, err
		}
	}
	password, err := c.challenge("Password:")
	if err != nil {
		return answer{}, err
	}
	return c.logIn(ctx, string(user), string(password))
}

// challenge asks for one message of a SASL exchange.
func (c *conn) challenge(text string) ([]byte, error) {
	c.w.Challenge([]byte(text))
	if err := c.w.Flush(); err != nil {
		return nil, &lostError{err}
	}
	c.net.expect()
	c.hideNext()
	line, err := c.r.ReadLine()
	if err != nil {
		return nil, lost(err)
	}
	if string(line) == "*" {
		return nil, bad("Authentication cancelled")
	}
	message, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		return nil, bad("This is not base64")
	}
	return message, nil
}

// logIn checks the password and enters the authenticated state.
func (c *conn) logIn(ctx context.Context, user, password string) (answer, error) {
	var account *bridge.Account
	err := c.call(ctx, 0, func(ctx context.Context) (err error) {
		account, err = c.opts.Login(ctx, user, password, c.remote.String())
		return err
	})
	switch {
	case errors.Is(err, bridge.ErrDenied):
		c.log.Warn("login refused", "user", user, "error", err)
		return answer{}, errNoIMAP
	case errors.Is(err, bridge.ErrAuth), errors.Is(err, bridge.ErrLocked):
		c.log.Warn("login refused", "user", user, "error", err)
		c.refused++
		f := lookUp(err)
		if c.refused >= maxRefused {
			c.closing = true
			c.w.Untagged(wire.BYE, "", "Too many refused logins")
		}
		return answer{wire.NO, f.code, f.text}, nil
	case err != nil:
		return answer{}, fmt.Errorf("log in as %q: %w", user, err)
	}
	if !c.srv.enterLogin(account.Name) {
		c.log.Warn("too many connections of one login", "user", user, "limit", c.opts.MaxConnectionsPerLogin)
		return answer{}, no(wire.CodeLimit, "Too many connections of this user")
	}
	c.known()
	c.account = account
	c.visitor, c.log = c.log, c.log.With("login", account.Name)
	c.traceLogin()
	c.log.Info("logged in", "tls", c.secure)
	return answer{wire.OK, wire.CodeCapability(c.capabilities()), "Logged in"}, nil
}
