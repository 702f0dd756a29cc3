package graphsim

import "time"

// Modes are switches between forms of behaviour that were all reported from the service. The zero value is the
// documented one, or where nothing is documented the one seen most recently.
type Modes struct {
	// Reencode makes $value differ from the bytes that were posted or delivered, as Exchange does when it
	// builds MIME from properties (§13). ReencodeVaries makes it differ from call to call as well.
	Reencode, ReencodeVaries bool
	// ValueLength sends Content-Length with $value; without it the answer is chunked (§5.5).
	ValueLength bool
	// NoGzip sends every answer uncompressed.
	NoGzip bool

	// SlowDown answers slow_down to a device code that is polled more often than its interval (RFC 8628 §3.5).
	SlowDown bool
	// SingleUseRefresh makes a refresh token invalid when it is used; Entra keeps it (§1.3).
	SingleUseRefresh bool

	// Article says what happens to Integer 0x0e23: see ArticleMode. ArticleDelay belongs to ArticleLate.
	Article      ArticleMode
	ArticleDelay time.Duration
	// ArticleOnChange gives a message a new number when its content changes (§8.1).
	ArticleOnChange bool

	// TNEFHeaders makes internetMessageHeaders and 0x7d of mail sent inside the organisation describe its transport
	// form and not the MIME (§19).
	TNEFHeaders bool
	// StoreSize is PidTagMessageSize in percent of what it is otherwise; 0 means 100. The store size may be several
	// times that of the MIME, or below it (§19).
	StoreSize int

	// EmptyPages puts an empty page with a nextLink before every page of a list or delta round (§3.1).
	EmptyPages bool
	// MaxPage clamps page sizes below the documented maximum; 0 leaves it at 1000.
	MaxPage int
	// DeltaReplay repeats up to this many rows that are already known at the start of each delta round (§6.2).
	DeltaReplay int
	// PartialRows reduces the delta row of a message whose read state alone changed to id, isRead and
	// parentFolderId (§6.2).
	PartialRows bool
	// KeepReturned reports a message that was moved out and back; without it the row is lost (§6.3).
	KeepReturned bool
	// DeltaLag withholds changes younger than this from delta rounds (§6.2).
	DeltaLag time.Duration
	// DeltaOldestFirst walks a folder oldest first; otherwise newest first (§18a).
	DeltaOldestFirst bool
	// QuietExtended keeps a change of extended properties alone out of delta (check C14).
	QuietExtended bool
	// FolderDeltaCounts makes a folder appear in mailFolders/delta when only its counts changed (check C8).
	FolderDeltaCounts bool

	// NoPermanentDelete plays a national cloud, where that action does not exist (§1.1).
	NoPermanentDelete bool
	// SensitiveLocked refuses changes of content on messages that are not drafts, as from 2026-12-31 on (§7.3).
	// Otherwise they are ignored in silence.
	SensitiveLocked bool
	// ExtendedLocked extends SensitiveLocked to extended properties of messages that are not drafts (check C20).
	ExtendedLocked bool
	// RefuseReadOnly answers 400 to read-only members in a creating POST; otherwise they are ignored (§7.2).
	RefuseReadOnly bool
	// FilterIgnored answers a list as if there were no $filter, FilterRefused with 400 (§3: unsupported options may be
	// ignored in silence).
	FilterIgnored, FilterRefused bool
	// LaxOrderBy accepts combinations of $filter and $orderby that the documentation forbids (§19).
	LaxOrderBy bool
	// MissingRole401 answers a missing permission with 401 UnknownError instead of 403 (check C2).
	MissingRole401 bool

	// SentDelay is the time until the Sent Items copy exists, DeliveryDelay that until a local recipient has it.
	SentDelay, DeliveryDelay time.Duration
	// DraftLingers leaves a draft that was sent what it was, in Drafts, until its copy exists: sent again meanwhile
	// it goes out again (the order of steps in graph/outlook-things-to-know-about-send-mail).
	DraftLingers bool
	// CopyGetsNewID gives the copy in Sent Items another id than its draft had, against §10.1.
	CopyGetsNewID bool
	// RewriteDate replaces Date by the time of submission in what recipients get (§19).
	RewriteDate bool
	// NDR returns mail for unknown addresses in the domain of a mailbox, and for those named by Server.Bounce.
	NDR bool
	// MisleadingOver, if not 0, answers 200 without effect to MIME of more bytes than this (§7.1).
	MisleadingOver int

	// BatchOverflow answers 429 to the fifth and later independent steps of a batch (§11.4).
	BatchOverflow bool
	// BatchValueBase64 gives a text body inside a batch as base64; otherwise as a string (§11.4).
	BatchValueBase64 bool
	// BatchFails424 makes the outer status of a batch with a throttled step 424, as the older page says (§11.4).
	BatchFails424 bool
	// Latency is how long each request takes before it is carried out.
	Latency time.Duration
}

// ArticleMode is the way Integer 0x0e23 (PidTagInternetArticleNumber) is given out (§8.1).
type ArticleMode int

const (
	ArticleGiven  ArticleMode = iota // present from the start, increasing per folder
	ArticleAbsent                    // never present
	ArticleLate                      // absent until Modes.ArticleDelay after the message came into its folder
)

// Limits are the service limits of §11.1 and §10.3. A zero field means the documented value, a negative one no limit.
type Limits struct {
	Concurrency    int           // requests at a time per app and mailbox; 4
	PerApp         bool          // count concurrency per app over all mailboxes
	SlotLag        time.Duration // a slot is freed only this long after the answer; 0
	Requests       int           // per app and mailbox in Window; 10,000
	Window         time.Duration // 10 minutes
	UploadBytes    int64         // bodies of POST, PUT, PATCH in UploadWindow; 150 MB
	UploadWindow   time.Duration // 5 minutes
	RequestBody    int64         // size of one request; 4 MiB
	MessageSize    int64         // size of a message that is sent; 35 MiB
	AttachmentSize int64         // size of one attachment through an upload session; 150 MiB
	Recipients     int           // of one message; 1,000
	SendsPerMinute int           // per mailbox; 0 means no limit here, for tests send in bursts
	Mailbox        int64         // quota of a mailbox in bytes; 0 means none
	// RetryAfter is the form of Retry-After in throttled answers: "" whole seconds, "fraction", or "none".
	RetryAfter string
}

// or returns v, the default d for zero, or the largest number for a negative one.
func or[T int | int64](v, d T) T {
	switch {
	case v == 0:
		return d
	case v < 0:
		return T(^uint(0) >> 1)
	}
	return v
}
