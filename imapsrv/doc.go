// Package imapsrv is the IMAP server of mail2graph: connections, their states,
// and one file for each group of commands. It speaks IMAP4rev1 (RFC 3501) and,
// to clients that enable it, IMAP4rev2 (RFC 9051; see rev2.go), with
// SASL-IR (RFC 4959), LITERAL+ (RFC 7888), ID (RFC 2971), NAMESPACE (RFC 2342),
// UNSELECT (RFC 3691), CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154), UIDPLUS
// (RFC 4315), MOVE (RFC 6851), IDLE (RFC 2177), ENABLE (RFC 5161), CONDSTORE
// and QRESYNC (RFC 7162), ESEARCH (RFC 4731), SEARCHRES (RFC 5182), PARTIAL (RFC
// 9394), WITHIN (RFC 5032), SORT and THREAD (RFC 5256, RFC 5957, ESORT of RFC 5267),
// LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819), STATUS=SIZE (RFC 8438),
// OBJECTID (RFC 8474), PREVIEW (RFC 8970), SAVEDATE (RFC 8514), APPENDLIMIT (RFC 7889), MULTIAPPEND (RFC
// 3502), BINARY (RFC 3516), REPLACE (RFC 8508), UTF8=ACCEPT (RFC 9755), COMPRESS
// (RFC 4978), UNAUTHENTICATE (RFC 8437), INPROGRESS (RFC 9585), QUOTA (RFC 9208) where
// the operator states one, and STARTTLS.
//
// It knows no mail: package bridge has the folders, package wire the grammar.
// A connection is one goroutine that reads a command, carries it out and
// answers; only IDLE and calls that may take long have a second one, which ends
// before the command does.
//
// What a client knows of its selected folder is a view: the snapshot it was
// told last. A view moves on to a newer snapshot at the end of a command, where
// the difference goes out as EXPUNGE, EXISTS, RECENT and FETCH responses. After
// FETCH, STORE and SEARCH nothing may be expunged (RFC 3501 §7.4.1), so a view
// with expunges pending stays, and only changed flags are told. Their UID forms
// are other commands and do move the view, as RFC 9051 §7.5.1 spells out, unless
// they search by numbers. HIGHESTMODSEQ (RFC 7162) is that of the view's snapshot:
// the mod-sequence up to which the client was told everything.
package imapsrv
