// Package mimelines makes a message fit for a service that reads MIME made of
// lines, without a change of what its parts say (RFC 6409 §8.4 and RFC 3030 §3 let a
// submission server do so).
//
// A part of octets, as BINARYMIME allows them and some devices send them unasked,
// becomes base64: one with a NUL, or with a CR or LF outside of a CRLF. A part with
// octets over 127 that says nothing of them is declared: 8bit, and where it has no
// charset, UTF-8 if it is that and windows-1252 if not. "binary" becomes "8bit" where
// the content is lines.
//
// Nothing below multipart/signed or multipart/encrypted is touched, whose octets are
// signed as they are, and in an attached message only what must be.
package mimelines
