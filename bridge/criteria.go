package bridge

import "time"

// SearchOp is one kind of search key.
type SearchOp int

// The search keys of RFC 3501 §6.4.4. Sequence numbers are resolved to UIDs
// before a search reaches the mailbox; \Recent belongs to a session and is
// resolved the same way.
const (
	SearchAll     SearchOp = iota
	SearchAnd              // Keys
	SearchOr               // Keys[0], Keys[1]
	SearchNot              // Keys[0]
	SearchFlag             // Flag
	SearchKeyword          // Value, as the client wrote it, without regard to case
	SearchUIDs             // Ranges
	SearchSeqs             // Ranges of sequence numbers; never reaches Folder.Search
	SearchRecent           // never reaches Folder.Search
	SearchBefore           // INTERNALDATE, Date; the three disregard time and zone
	SearchOn
	SearchSince
	SearchSentBefore // Date: header field, Date
	SearchSentOn
	SearchSentSince
	SearchLarger  // Size in octets
	SearchSmaller // Size
	SearchHeader  // Field, Value; FROM, TO, CC, BCC and SUBJECT come as this with their field's name
	SearchBody    // Value
	SearchText    // Value

	// Of extensions.
	SearchModSeq      // mod-sequence of ModSeq or more (RFC 7162 §3.1.5)
	SearchOlder       // INTERNALDATE Size seconds ago or earlier (RFC 5032 §3)
	SearchYounger     // INTERNALDATE Size seconds ago or later
	SearchSavedBefore // date of filing here, Date; the three as with INTERNALDATE (RFC 8514 §4.3)
	SearchSavedOn
	SearchSavedSince
	SearchSaveDateSupported // all: every folder knows dates of filing
	SearchEmailID           // Value, an object identifier (RFC 8474 §6)
	SearchThreadID          // Value
	SearchSaved             // "$", the result saved last (RFC 5182 §2.1); never reaches Folder.Search
)

// UIDRange is First..Last, both included. 0 stands for "*" in what the wire
// delivers; what reaches Folder.Search is resolved, with First <= Last.
type UIDRange struct{ First, Last uint32 }

// SearchKey is a node of a search: Op says which members count. Values are UTF-8.
type SearchKey struct {
	Op     SearchOp
	Keys   []SearchKey
	Flag   Flags
	Ranges []UIDRange
	Date   time.Time      // midnight UTC of the day
	Zone   *time.Location // whose days those of arrival and of saving are; nil: UTC
	Size   int64
	Field  string
	Value  string
	ModSeq uint64
}
