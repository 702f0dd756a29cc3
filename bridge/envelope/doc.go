// Package envelope makes a message's header say what its SMTP envelope says,
// for a service that reads the recipients of a message from its header.
//
// The envelope decides: exactly its recipients stand in To, Cc and Bcc of the
// result. Those that the header does not name become Bcc, which Exchange takes
// off before delivery; those that only the header names are treated as Policy
// says. An existing Bcc field is always replaced, and addresses that only it
// names are dropped under every policy, as a sending program should have done.
//
// A To or Cc field stays as it is, octet for octet, when it is well-formed and
// names nobody outside of the envelope. Otherwise it is written anew from what
// can be understood of it: repeated fields become one, members of groups
// become plain addresses (whether the service looks into groups is not known),
// and the field as it was is kept as X-Mail2graph-To or X-Mail2graph-Cc. A To
// that would be left empty becomes "undisclosed-recipients:;".
//
// Resent-To and Resent-Cc are renamed the same way and Resent-Bcc is removed:
// the service's documentation does not say whether it sends to them, so it
// must not see them. A line that is no field gets a field name of its own
// (X-Mail2graph-Line), and a CR without LF becomes a space, since a parser that
// ends the header there would find other recipients than we do. Missing Date,
// Message-ID, From and To are added (RFC 6409 §8), and a Sender to several authors
// (RFC 5322 §3.6.2). A From or Sender that is repeated, or that two parsers could
// understand differently, is written anew from its addresses, and a Subject of 8-bit
// characters that are no UTF-8 is encoded. All other fields and the body keep their octets.
//
// Addresses are equal when they differ only in letter case, the local part's
// included, as Exchange has it, or in the form of an internationalised domain
// (RFC 5891). Quotes around a local part do not count (RFC 5321 §4.1.2).
package envelope
