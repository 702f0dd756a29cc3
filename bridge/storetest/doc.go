// Package storetest holds what tests of a bridge.Store need: Memory, a mailbox
// in memory with the habits of Exchange Online that a bridge must survive, and
// Run, the conformance suite that every Store passes. RunIndex is the same for
// every bridge.Index.
//
// Memory models what graph-reference.md calls the service: delta links that
// expire, rows with the read state alone, moves that show as a removal, a
// message that went out and came back and is reported as removed only,
// localised folder names. Unlike the service it keeps the octets of a message.
package storetest
