// Package wire is the grammar of IMAP4rev1 (RFC 3501 §9), IMAP4rev2 (RFC 9051
// §9) and their extensions: it reads commands and writes responses. It has no
// state of a connection beyond the bytes and how they are encoded, and knows
// nothing of mailboxes. What belongs to extensions is always understood, whether
// the server announces them or not.
package wire

import (
	"time"

	"mail2graph/bridge"
)

// Command is one parsed command. Name is upper case without the UID prefix
// ("FETCH" with UID true for "UID FETCH"). Args is nil for commands without
// arguments, else one of the pointer types below.
type Command struct {
	Tag  string
	Name string
	UID  bool
	Args any
}

// Login is LOGIN (RFC 3501 §6.2.3).
type Login struct{ User, Password string }

// Authenticate is AUTHENTICATE; Initial is nil without an initial response
// (RFC 4959), empty for "=". The exchange itself is the server's: Reader.ReadLine.
type Authenticate struct {
	Mechanism string // upper case
	Initial   []byte
}

// Mailbox is the argument of SELECT, EXAMINE, CREATE, DELETE, SUBSCRIBE,
// UNSUBSCRIBE and GETQUOTAROOT (RFC 9208). Names are UTF-8 everywhere in this package's API; modified UTF-7
// is undone (names that are not valid modified UTF-7 are taken as they are).
type Mailbox struct {
	Name      string
	Use       []string // CREATE: special uses, `\Sent`, as written (RFC 6154 §3)
	CondStore bool     // SELECT, EXAMINE (RFC 7162 §3.1.8)
	QResync   *QResync // SELECT, EXAMINE; nil without
}

// QResync is what a client knew of a mailbox when it last had it selected
// (RFC 7162 §3.2.5). The sets have no "*".
type QResync struct {
	UIDValidity uint32
	ModSeq      uint64
	KnownUIDs   NumSet // nil: all
	// Sequence numbers and the UIDs that they had, or nil: where they still fit
	// nothing before was expunged (§3.2.5.2).
	MatchSeqs, MatchUIDs NumSet
}

// Rename is RENAME.
type Rename struct{ From, To string }

// List is LIST and LSUB. Whatever is beyond Pattern is LIST's alone (RFC 5258).
type List struct {
	Reference string
	Pattern   string   // the first one
	Patterns  []string // all of them, of LIST with several; else nil
	// Extended is set by selection options, several patterns or RETURN. Then an
	// empty pattern does not ask for the delimiter (RFC 5258 §3).
	Extended bool
	Select   ListSelect
	Return   ListReturn
}

// ListSelect says which mailboxes LIST answers with (RFC 5258 §3.1).
type ListSelect struct {
	Subscribed     bool
	Remote         bool // those elsewhere too
	RecursiveMatch bool // parents of what is selected too, with CHILDINFO; never alone
	SpecialUse     bool // RFC 6154 §5
}

// ListReturn says what LIST tells of each mailbox (RFC 5258 §3.2).
type ListReturn struct {
	Subscribed bool
	Children   bool
	SpecialUse bool     // RFC 6154 §5
	Status     []string // items of a STATUS response for each (RFC 5819); nil: none
}

// Enable is ENABLE (RFC 5161); the names are in upper case.
type Enable struct{ Capabilities []string }

// Compress is COMPRESS (RFC 4978 §3); Mechanism is upper case, only DEFLATE is known.
type Compress struct{ Mechanism string }

// QuotaRoot is GETQUOTA (RFC 9208 §4.1.1).
type QuotaRoot struct{ Name string }

// SetQuota is SETQUOTA (RFC 9208 §4.1.3).
type SetQuota struct {
	Root   string
	Limits []QuotaLimit
}

// QuotaLimit is a limit to be set. Resource is upper case.
type QuotaLimit struct {
	Resource string
	Limit    int64
}

// Status is STATUS; Items in upper case, as asked.
type Status struct {
	Mailbox string
	Items   []string
}

// Append is APPEND up to its literal. The server answers a refusal with
// Literal.Refuse, or reads Literal to its end and then calls Literal.Close, which
// checks for the end of the command; or Next, if it takes several messages.
type Append struct {
	Mailbox string
	Flags   []string // as written; "\Seen" or keyword
	Date    time.Time
	Binary  bool // the literal is a literal8 (RFC 3516 §4.4): a NUL in it is meant
	UTF8    bool // the header may be UTF-8: "UTF8 (~{n}" (RFC 6855 §4)
	Literal *Literal
}

// Replace is REPLACE (RFC 8508): Message is to take the place of message Num of
// the selected mailbox; 0 is "*".
type Replace struct {
	Num     uint32
	Message *Append
}

// Search is SEARCH. Charset is "" or upper case; values in Key are converted to
// UTF-8 already. Sets in Key use 0 for "*".
type Search struct {
	Return  *SearchReturn // nil without RETURN
	Charset string
	Key     bridge.SearchKey
}

// Sort is SORT (RFC 5256 §3).
type Sort struct {
	Return   *SearchReturn // RFC 5267 §3.1; nil without RETURN
	Criteria []SortCriterion
	Charset  string
	Key      bridge.SearchKey
}

// SortCriterion is one of SORT's criteria, the first decides first. By is upper
// case: ARRIVAL, CC, DATE, FROM, SIZE, SUBJECT, TO (RFC 5256 §3), DISPLAYFROM or
// DISPLAYTO (RFC 5957 §3).
type SortCriterion struct {
	By      string
	Reverse bool
}

// Thread is THREAD (RFC 5256 §3); Algorithm is ORDEREDSUBJECT or REFERENCES.
type Thread struct {
	Algorithm string
	Charset   string
	Key       bridge.SearchKey
}

// Fetch is FETCH; macros are expanded.
type Fetch struct {
	Set          NumSet
	Items        []FetchItem
	ChangedSince *uint64  // only messages above this mod-sequence (RFC 7162 §3.1.4); nil without
	Vanished     bool     // of UID FETCH with ChangedSince: tell what was expunged too (§3.2.6)
	Partial      *Partial // only these of the messages in Set that exist (RFC 9394 §3.3); nil: all
}

// Store is STORE.
type Store struct {
	Set            NumSet
	Op             bridge.FlagOp
	Silent         bool
	Flags          []string
	UnchangedSince *uint64 // not those above this mod-sequence (RFC 7162 §3.1.3); nil without
}

// Copy is COPY and MOVE.
type Copy struct {
	Set     NumSet
	Mailbox string
}

// Expunge is UID EXPUNGE (RFC 4315).
type Expunge struct{ Set NumSet }

// ID is ID (RFC 2971); nil for NIL.
type ID struct{ Params map[string]string }

// NumSet is a sequence set in the order written. 0 stands for "*": alone it is
// 0..0; in a range it always comes as Last ("*:4" and "4:*" are both 4..0).
// Otherwise First <= Last ("5:3" is 3..5). An empty set is "$" (Saved), so that
// whoever does not look for that finds no message.
type NumSet []bridge.UIDRange

// FetchKind is a FETCH item without arguments, or the family of one with.
type FetchKind int

// The FETCH items of RFC 3501 §6.4.5. RFC822, RFC822.HEADER and RFC822.TEXT are
// FetchSection with Legacy set to their name.
const (
	FetchFlags FetchKind = iota
	FetchUID
	FetchInternalDate
	FetchSize
	FetchEnvelope
	FetchBody // BODY without section: BODYSTRUCTURE without extension data
	FetchBodyStructure
	FetchSection
	FetchModSeq     // RFC 7162 §3.1.4
	FetchBinary     // RFC 3516 §4.2, with Section.Path and the partial; written by Section as well
	FetchBinarySize // RFC 3516 §4.2, with Section.Path
	FetchEmailID    // RFC 8474 §5.1
	FetchThreadID   // RFC 8474 §5.2
	FetchPreview    // RFC 8970 §3.1
	FetchSaveDate   // RFC 8514 §4.1
)

// FetchItem is one item to fetch.
type FetchItem struct {
	Kind    FetchKind
	Section Section // of FetchSection, FetchBinary, FetchBinarySize
	Peek    bool    // BODY.PEEK, RFC822.HEADER, BINARY.PEEK
	Lazy    bool    // of FetchPreview: only if it costs nothing (RFC 8970 §3.2)
	Legacy  string  // "RFC822", "RFC822.HEADER", "RFC822.TEXT": the name to answer with
}

// Section is what stands in BODY[…]<…>.
type Section struct {
	Path      []int  // part numbers, each at least 1
	Specifier string // "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"
	Fields    []string
	Partial   bool
	Offset    int64
	Count     int64
}
