// Package smtpsrv takes mail from programs that submit it: RFC 6409 with AUTH
// (RFC 4954), STARTTLS (RFC 3207), SIZE (RFC 1870), PIPELINING (RFC 2920),
// 8BITMIME (RFC 6152), CHUNKING and BINARYMIME (RFC 3030), SMTPUTF8 (RFC 6531), DSN
// (RFC 3461) and ENHANCEDSTATUSCODES (RFC 2034). It knows no mail logic: a message goes
// to an Account as it came, with its lines ended by CRLF, and what the Account says
// becomes a reply.
//
// The order of commands and most replies are go-smtp's; the arguments of MAIL and RCPT
// are read here (see forwarded why). Each connection has a go-smtp
// server of its own, because that is the one way to wait for a connection's end,
// and a conn of ours between it and the network, above TLS. That conn reads message
// text and chunks itself and carries out STARTTLS: see there why.
package smtpsrv
