// Package bridge is the domain of mail2graph: mailboxes whose truth is an
// Exchange Online mailbox, seen through a Store, with what IMAP promises and
// Exchange does not keep (UIDs, mod-sequences, \Deleted) in an Index.
//
// It knows neither IMAP's nor SMTP's wire, nor Graph: imapsrv and smtpsrv ask
// it questions and give it orders, graphstore satisfies Store, and every arrow
// between packages points here.
//
// The path of an order: a Login gives an Account; its Mailbox is shared by all
// sessions; Mailbox.Folder gives a Folder; Folder.Sync brings it up to date;
// Folder.Snapshot is the immutable picture a session works on.
package bridge
