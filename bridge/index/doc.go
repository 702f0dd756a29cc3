// Package index keeps a bridge.Index in one SQLite file for each mailbox: the
// UIDs, mod-sequences, \Deleted marks and delta links that IMAP clients rely on
// and Exchange does not keep, and what listings told, so that most commands
// need no request.
//
// A file belongs to one process: a lock beside it (PATH.lock) refuses a second
// one. Within the process all methods may be called concurrently: one
// connection writes, several read, in SQLite's WAL mode.
//
// Durability: synchronous=FULL, since a client acts on a UID it was told
// (deletes the message elsewhere, never asks again), so that UID must survive a
// power failure. UIDVALIDITY, rows, expunged UIDs, subscriptions and sent
// Message-IDs need this. Part structures, details and delta links would do with
// less, as the service can tell them again; details and links share the
// transaction of their rows, and structures are few, so there is one level.
//
// A first listing is staged page by page, without UIDs, since they follow from the
// order of arrival, which is known at the end alone; a crash costs one page.
//
// Mod-sequences, uint64 in the interface, are kept as SQLite's signed 64-bit
// integers; RFC 7162 §3.1 allows no more than 63 bits anyway. Times are kept in
// whole seconds.
//
// What is lost with the file: UIDs. The folders are read anew and every folder
// gets a greater UIDVALIDITY, so clients download again; mail is safe in
// Exchange Online. \Deleted marks that were not expunged and subscriptions are
// gone.
package index
