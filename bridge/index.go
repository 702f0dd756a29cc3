package bridge

import (
	"context"
	"time"

	"mail2graph/bridge/mimepart"
)

// Flags are the IMAP flags with a place of their own; other keywords are the
// message's categories.
type Flags uint8

// The flags. Seen and Flagged are the service's; Answered and Forwarded follow
// the last verb; Deleted lives in the index alone. Draft is what the service says,
// until a client says otherwise, which the service cannot be told (graph-reference
// §7.1) and the index alone remembers until the service changes its mind.
const (
	FlagSeen Flags = 1 << iota
	FlagAnswered
	FlagFlagged
	FlagDeleted
	FlagDraft
	FlagForwarded // the keyword $Forwarded
	FlagUnsent    // the service's word for Draft; no flag of IMAP
)

// Row is the part of a message that every command needs: small, and kept in
// memory for folders in use.
type Row struct {
	UID        uint32
	ID         MessageID
	ModSeq     uint64
	Flags      Flags
	Categories []string  // nil if none; never changed in place
	Received   time.Time // INTERNALDATE, UTC
	Size       int64     // RFC822.SIZE: exact, or an estimate from above
	SizeExact  bool
	// Saved is when the message got its UID, in seconds since 1970 (RFC 8514,
	// SAVEDATE): Exchange does not say when something came into a folder.
	Saved int64
}

// Detail is the part of a message that few commands need; it stays on disk.
type Detail struct {
	Envelope       mimepart.Envelope // from the listing, encoded as a header has it; from the MIME once that was read
	Sent           time.Time
	References     string
	Class          string
	ConversationID string
	Preview        string
	HasAttachments bool
	Fingerprint    string // of a draft's content: a change means a new UID
}

// FolderState is what the index knows of a folder.
type FolderState struct {
	FolderInfo
	UIDValidity uint32 // chosen once, never reused in this mailbox
	UIDNext     uint32
	ModSeq      uint64 // highest given
	RecentUID   uint32 // messages above are \Recent for the next session
	DeltaLink   string // of the next round; "" before the first walk
	ToldUID     uint32 // rounds up to DeltaLink have told of all messages below (newcomers.go)
	Synced      bool   // the first sync is complete
	FullCheck   time.Time
}

// Entry is a message to be written: Detail nil leaves the stored one as it is.
type Entry struct {
	Row
	Detail *Detail
}

// Staged is a message of a first listing that has no UID yet.
type Staged struct {
	Entry
	Article int64 // MessageInfo.ArticleNumber
}

// Expunged is a UID that is gone, with the mod-sequence of its going.
type Expunged struct {
	UID    uint32
	ModSeq uint64
}

// FolderUpdate is a set of changes to one folder's messages.
type FolderUpdate struct {
	State    FolderState // written as a whole
	Put      []Entry     // new or changed, by UID
	Expunged []Expunged
}

// Index is the durable truth for what IMAP promises, one for each mailbox. The
// interface says nothing about how it is kept: SQLite in a file here, a database
// shared by several hosts elsewhere. All methods may be called concurrently;
// errors wrap ErrNoSpace where the disk is full. What a method wrote is durable
// when it returns.
type Index interface {
	// Folders returns the state of every folder.
	Folders(ctx context.Context) ([]FolderState, error)
	// NewUIDValidity returns a value never returned before for this mailbox, at
	// least the current time in seconds since 1970, so that a lost index does
	// not repeat one either.
	NewUIDValidity(ctx context.Context) (uint32, error)
	// PutFolders stores the states of folders (new or known) and forgets the
	// folders in gone with all their messages, in one transaction.
	PutFolders(ctx context.Context, states []FolderState, gone []FolderID) error
	// Apply carries out the updates of one or more folders in one transaction.
	Apply(ctx context.Context, updates ...FolderUpdate) error
	// Stage keeps a page of a first listing, with the place where the listing goes on
	// after it, in one transaction. Every message has its Detail; one that comes twice
	// replaces itself. PutFolders forgets what is staged of a folder that is gone.
	Stage(ctx context.Context, folder FolderID, page []Staged, place string) error
	// Staged calls yield for all that is staged, in order of arrival (by Received,
	// Article, ID), and returns the last place; "" if nothing is.
	Staged(ctx context.Context, folder FolderID, yield func(Staged) error) (place string, err error)
	// Unstage forgets what is staged.
	Unstage(ctx context.Context, folder FolderID) error
	// Rows calls yield for every message of a folder in ascending order of UID.
	Rows(ctx context.Context, folder FolderID, yield func(Row) error) error
	// Details calls yield for the given UIDs (ascending) that exist, in that order.
	// The Detail may be kept by the caller.
	Details(ctx context.Context, folder FolderID, uids []uint32, yield func(uid uint32, d *Detail) error) error
	// Expunged returns the UIDs that went after mod-sequence since, ascending;
	// ErrNotFound if the log does not reach back so far.
	Expunged(ctx context.Context, folder FolderID, since uint64) ([]Expunged, error)
	// Structure returns the stored part index of a message, or ErrNotFound.
	Structure(ctx context.Context, id MessageID) (*mimepart.Part, error)
	// Structures calls yield for those of ids that have a stored part index, in any
	// order.
	Structures(ctx context.Context, ids []MessageID, yield func(id MessageID, p *mimepart.Part) error) error
	// PutStructures stores part indexes in one transaction; a nil part forgets
	// the stored one.
	PutStructures(ctx context.Context, parts map[MessageID]*mimepart.Part) error
	// Headers calls yield for those of ids that have a stored header block, in any
	// order; the block may be empty and may be kept by the caller. Where fields names
	// some, others may be missing from it.
	Headers(ctx context.Context, ids []MessageID, fields []string, yield func(id MessageID, block []byte) error) error
	// HasHeaders calls yield for those of ids that have one, which costs less.
	HasHeaders(ctx context.Context, ids []MessageID, yield func(id MessageID) error) error
	// PutHeaders stores header blocks in one transaction. A block is forgotten
	// when its message is in no folder any more.
	PutHeaders(ctx context.Context, blocks map[MessageID][]byte) error
	// Subscriptions returns the names that were explicitly subscribed (true) or
	// unsubscribed (false). Names are IMAP names as UTF-8, folder or not.
	Subscriptions(ctx context.Context) (map[string]bool, error)
	SetSubscription(ctx context.Context, name string, on bool) error
	// RecordSent remembers the Message-ID of a message that was just sent;
	// WasSent tells whether it was, since the given time.
	RecordSent(ctx context.Context, messageID string, at time.Time) error
	WasSent(ctx context.Context, messageID string, since time.Time) (bool, error)
	// Close ends the use of the index.
	Close() error
}
