package bridge

import (
	"context"
	"io"
	"time"

	"mail2graph/bridge/mimepart"
)

// FolderID names a mail folder for its whole life: "AAMk…". Opaque, case-sensitive.
type FolderID string

// MessageID is a message's immutable id: it survives moves inside the mailbox,
// and a copy gets a new one. Opaque, case-sensitive.
type MessageID string

// Role says what a folder is for, found by the service's well-known names and
// never by its (localised) display name.
type Role string

// The roles that IMAP has a word for (RFC 6154); every other folder has RoleNone.
const (
	RoleNone    Role = ""
	RoleInbox   Role = "inbox"
	RoleArchive Role = "archive"
	RoleDrafts  Role = "drafts"
	RoleJunk    Role = "junk"
	RoleSent    Role = "sent"
	RoleTrash   Role = "trash"
)

// FolderInfo is one folder as the service describes it.
type FolderInfo struct {
	ID     FolderID
	Parent FolderID // "" for a child of the mailbox root
	Name   string   // display name: any text, "/" included
	Role   Role
	Total  int // the service's count; a hint, items may be missing in listings
	Unread int
}

// Address is one mailbox as the service reports it: both strings are decoded text.
type Address struct {
	Name    string // display name, may be ""
	Address string // "user@example.com"; for broken mail anything
}

// Verb is the last action taken on a message (PidTagLastVerbExecuted), reduced
// to what IMAP can say.
type Verb int

// VerbNone clears; VerbReply is \Answered; VerbForward is $Forwarded.
const (
	VerbNone Verb = iota
	VerbReply
	VerbForward
)

// MessageInfo is what the service's listings tell of one message.
// Times are UTC with whole seconds; a zero time is unknown.
type MessageInfo struct {
	ID         MessageID
	Folder     FolderID // parent folder; "": the service does not tell, in Messages
	Read       bool
	Flagged    bool
	Draft      bool
	Verb       Verb
	Categories []string // in the service's order
	Received   time.Time
	Sent       time.Time

	Subject           string
	InternetMessageID string // with angle brackets, as in the header
	InReplyTo         string // raw header value; "" if unknown
	References        string // raw header value; "" if unknown
	From              []Address
	Sender            []Address
	ReplyTo           []Address
	To                []Address
	Cc                []Address
	Bcc               []Address

	StoreSize      int64  // bytes in the store, not RFC822.SIZE; 0 if unknown
	ArticleNumber  int64  // PidTagInternetArticleNumber; 0 if unknown; not stable
	Class          string // message class, "IPM.Note"; "" if unknown
	ConversationID string
	Preview        string // first 255 characters of the text
	HasAttachments bool
}

// Change is one row of a delta round. Rows may come several times and in any
// order. A nil pointer means: this row does not speak of it (partial rows).
type Change struct {
	ID         MessageID
	Removed    bool // left the folder, or only seems so: verify with MessageReader.Messages
	Read       *bool
	Flagged    *bool
	Categories *[]string
	Draft      *bool
	// Complete is false for a row with the read state alone. A complete row may
	// hide a change of what delta cannot carry (size, verb, content of a draft).
	Complete bool
}

// FolderLister lists folders.
type FolderLister interface {
	// Folders returns all visible mail folders, parents before their children,
	// without search folders and without the root itself.
	Folders(ctx context.Context) ([]FolderInfo, error)
}

// FolderWriter changes the folder tree. A parent of "" is the mailbox root.
type FolderWriter interface {
	// CreateFolder returns the new folder, or ErrExists.
	CreateFolder(ctx context.Context, parent FolderID, name string) (FolderInfo, error)
	// RenameFolder changes the display name; the id stays. ErrExists, ErrNotFound, ErrDenied for default folders.
	RenameFolder(ctx context.Context, id FolderID, name string) error
	// MoveFolder puts the folder below another parent; the id stays.
	MoveFolder(ctx context.Context, id, parent FolderID) error
	// DeleteFolder removes the folder with its messages in the service's way (it goes below Deleted Items).
	DeleteFolder(ctx context.Context, id FolderID) error
}

// ChangeLister reads a folder as a whole and by what changed.
type ChangeLister interface {
	// List walks the whole folder and calls yield once a page, never
	// concurrently. It is no snapshot: rows can be missed or come twice while
	// mail arrives, so open a Delta before it and run one after it.
	List(ctx context.Context, folder FolderID, yield func([]MessageInfo) error) error
	// ListFrom is List from a place on, "" for the beginning. Each page comes with
	// the place of the next one, "" for none: it outlives the process, if the service
	// still knows it; else the error is ErrResync. A page may be empty.
	ListFrom(ctx context.Context, folder FolderID, place string, yield func(page []MessageInfo, next string) error) error
	// Delta runs one round from link to its end and returns the link of the next
	// round. An empty link starts a first walk that reports every message.
	// ErrResync: the link (or the walk) expired, begin with an empty link.
	Delta(ctx context.Context, folder FolderID, link string, yield func([]Change) error) (next string, err error)
}

// MessageReader reads single messages.
type MessageReader interface {
	// Messages returns what is known of ids, in any order; ids that do not
	// exist are left out. Any number of ids may be given.
	Messages(ctx context.Context, ids []MessageID) ([]MessageInfo, error)
	// MIME streams the RFC 5322 form of a message. Two calls may give different
	// bytes. An error of the service can also come from Read; a stream that
	// ends without io.EOF is not a message. An *ItemError is about this message
	// and says nothing of others.
	MIME(ctx context.Context, id MessageID) (io.ReadCloser, error)
}

// HeaderReader reads header blocks: the header fields that the transport
// recorded when a message arrived. Messages that were not received (drafts, sent
// mail) have none or an incomplete one. What a block says of the body
// (Content-*, MIME-Version) need not be true of MessageReader.MIME: mail inside
// an organisation travels in another form (graph-reference §19).
type HeaderReader interface {
	// Headers returns the blocks of ids; messages without one are left out. Any
	// number of ids may be given, but each costs like a message.
	Headers(ctx context.Context, ids []MessageID) (map[MessageID][]byte, error)
	// ListHeaders walks a whole folder and calls yield once a page, never
	// concurrently; it is no more of a snapshot than List.
	ListHeaders(ctx context.Context, folder FolderID, yield func(map[MessageID][]byte) error) error
}

// TextFinder asks the service's own search.
type TextFinder interface {
	// FindText returns messages of a folder in whose text, subject or sender the words
	// of phrase stand, the newest first and some hundreds at most; all reports that
	// these are all it knows. It is an index of words, late with new mail, so the
	// answer is approximate. ErrInvalid: it cannot search for this.
	FindText(ctx context.Context, folder FolderID, phrase string) (ids []MessageID, all bool, err error)
}

// FlagUpdate changes the nil-free members of one message and leaves the others.
type FlagUpdate struct {
	ID         MessageID
	Read       *bool
	Flagged    *bool
	Verb       *Verb
	Categories *[]string // the whole new list
}

// Relocated is the outcome of moving or copying one message.
type Relocated struct {
	// ID is the id in the target: for a move the same as before, unless the service has no
	// immutable ids. "" without an error: it was done, and the service does not tell.
	ID  MessageID
	Err error // ErrNotFound: it was gone already
}

// Disposal says how MessageWriter.Delete removes.
type Disposal int

// DisposeDelete leaves the message recoverable; DisposePermanent purges it, or
// does as DisposeDelete where the cloud has no permanent deletion.
const (
	DisposeDelete Disposal = iota
	DisposePermanent
)

// NewMessage is a message to be filed in a folder, not sent.
type NewMessage struct {
	Folder FolderID
	MIME   *io.SectionReader // the whole message, from offset 0
	Parts  *mimepart.Part    // the part index of MIME
	Draft  bool              // file as a draft; everything else must not end as one if the service can, except
	// RatherDraft: a draft with all octets is better than a message built anew.
	RatherDraft bool
	Read        bool
	Flagged     bool
	Verb        Verb
	Categories  []string
	Received    time.Time // INTERNALDATE to keep; zero: now
}

// MessageWriter changes messages. Slices of results have one entry an input,
// in the same order; nil is success. Any number may be given; calls on one
// message are carried out in the order given.
type MessageWriter interface {
	SetFlags(ctx context.Context, updates []FlagUpdate) []error
	Move(ctx context.Context, ids []MessageID, to FolderID) []Relocated
	Copy(ctx context.Context, ids []MessageID, to FolderID) []Relocated
	// Delete treats a message that is gone already as removed.
	Delete(ctx context.Context, ids []MessageID, how Disposal) []error
	// Append files one message and returns it as the service then lists it.
	// On error nothing of it stays behind. ErrTooLarge, ErrQuota, ErrNotFound
	// (no such folder), ErrInvalid.
	Append(ctx context.Context, m NewMessage) (MessageInfo, error)
}

// Store is one mailbox of the service. All methods may be called concurrently;
// the implementation keeps to the service's limits and gives way to calls
// whose context is not WithBackground.
type Store interface {
	FolderLister
	FolderWriter
	ChangeLister
	MessageReader
	HeaderReader
	TextFinder
	MessageWriter
	Sender
}

type backgroundKey struct{}

// WithBackground marks work that nobody is waiting for: prefetch, timed polls.
func WithBackground(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// IsBackground reports whether ctx comes from WithBackground.
func IsBackground(ctx context.Context) bool {
	b, _ := ctx.Value(backgroundKey{}).(bool)
	return b
}

type patienceKey struct{}

// WithPatience says how long a pause of the service may be for work whose context
// has no deadline: somebody waits for it and is told that it goes on.
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

// Patience is what WithPatience said, 0 without it.
func Patience(ctx context.Context) time.Duration {
	d, _ := ctx.Value(patienceKey{}).(time.Duration)
	return d
}

// UsageTeller is what a Store may offer besides.
type UsageTeller interface {
	// Usage is how many octets the folders of the mailbox hold, as the service
	// counts them; ErrNotFound where it does not tell.
	Usage(ctx context.Context) (octets int64, err error)
}
