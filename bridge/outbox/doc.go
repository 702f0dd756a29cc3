// Package outbox is the spool of messages that wait to be sent: what is in it
// survives the end of the process, a kill and the loss of power.
//
// It knows neither how messages are sent nor when they are given up; package
// bridge does. One process uses a spool at a time; others may read it (List,
// Show) and leave orders for it (Order).
//
// # Files
//
//	lock              held with flock by the process that uses the spool
//	incoming/         what is being written; nothing there was ever promised to anybody
//	queue/ID.msg      the octets of a message
//	queue/ID.env      its Record: one line with version, length and checksum, then JSON
//	queue/ID.gone     an .env whose message is over; the rest of a removal
//	corrupt/          what could not be understood, for a person to look at
//	control/          orders from other processes and the answers
//
// Put writes both files below incoming, syncs each, renames the .msg and then the
// .env into queue and syncs the directory before it returns: a message with an
// .env is complete. A changed Record replaces its file the same way. A
// removal renames the .env to .gone first, so that whatever was interrupted can
// be told apart at the next Open.
//
// In memory there is one small entry for each message, whatever its size.
package outbox
