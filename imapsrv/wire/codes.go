package wire

import (
	"slices"
	"strconv"
	"strings"

	"mail2graph/bridge"
)

// Condition opens a status response (RFC 3501 §7.1).
type Condition string

// The conditions.
const (
	OK      Condition = "OK"
	NO      Condition = "NO"
	BAD     Condition = "BAD"
	BYE     Condition = "BYE"
	PREAUTH Condition = "PREAUTH"
)

// Code is a response code without its brackets; "" is none.
type Code string

// Response codes without arguments (RFC 3501 §7.1, RFC 4315 §3, RFC 5530 §3, RFC 4469 §4).
const (
	CodeReadOnly             Code = "READ-ONLY"
	CodeReadWrite            Code = "READ-WRITE"
	CodeTryCreate            Code = "TRYCREATE"
	CodeUnavailable          Code = "UNAVAILABLE"
	CodeAuthenticationFailed Code = "AUTHENTICATIONFAILED"
	CodeAuthorizationFailed  Code = "AUTHORIZATIONFAILED"
	CodePrivacyRequired      Code = "PRIVACYREQUIRED"
	CodeNoPerm               Code = "NOPERM"
	CodeExpungeIssued        Code = "EXPUNGEISSUED"
	CodeServerBug            Code = "SERVERBUG"
	CodeCannot               Code = "CANNOT"
	CodeLimit                Code = "LIMIT"
	CodeOverQuota            Code = "OVERQUOTA"
	CodeAlreadyExists        Code = "ALREADYEXISTS"
	CodeNonExistent          Code = "NONEXISTENT"
	CodeTooBig               Code = "TOOBIG"
	CodeClosed               Code = "CLOSED"
	CodeBadCharset           Code = "BADCHARSET (US-ASCII UTF-8)"
	CodeUseAttr              Code = "USEATTR"           // RFC 6154 §3
	CodeHasChildren          Code = "HASCHILDREN"       // RFC 9051 §7.1
	CodeUnknownCTE           Code = "UNKNOWN-CTE"       // RFC 3516 §4.3: a transfer encoding that nobody can undo
	CodeCompressionActive    Code = "COMPRESSIONACTIVE" // RFC 4978 §3
)

// CodeUIDValidity is UIDVALIDITY of the selected mailbox.
func CodeUIDValidity(v uint32) Code { return numberCode("UIDVALIDITY ", v) }

// CodeUIDNext is UIDNEXT of the selected mailbox.
func CodeUIDNext(uid uint32) Code { return numberCode("UIDNEXT ", uid) }

// CodeUnseen is the sequence number of the first message without \Seen.
func CodeUnseen(seq uint32) Code { return numberCode("UNSEEN ", seq) }

// CodeHighestModSeq is the highest mod-sequence of the selected mailbox (RFC
// 7162 §3.1.2.1).
func CodeHighestModSeq(n uint64) Code {
	return Code(strconv.AppendUint([]byte("HIGHESTMODSEQ "), n, 10))
}

// CodeMailboxID is the identifier of a mailbox (RFC 8474 §4.1, §4.2).
func CodeMailboxID(id string) Code {
	return Code(append(appendObjectID([]byte("MAILBOXID ("), id), ')'))
}

// CodeInProgress tells how far the command with the tag has come (RFC 9585 §4):
// done of goal, in whatever unit. A negative number done is not known, neither
// is a goal that is not above 0.
func CodeInProgress(tag string, done, goal int64) Code {
	b := []byte("INPROGRESS (")
	if strings.Contains(tag, "]") { // many would take it for the end of the code
		b = append(b, "NIL"...)
	} else {
		b = appendString(b, tag, Rev1)
	}
	b = appendCount(append(b, ' '), done, done >= 0)
	b = appendCount(append(b, ' '), goal, done >= 0 && goal > 0)
	return Code(append(b, ')'))
}

// appendCount appends a number, or NIL if it is not known.
func appendCount(dst []byte, n int64, known bool) []byte {
	if !known {
		return append(dst, "NIL"...)
	}
	return strconv.AppendInt(dst, n, 10)
}

// CodeModified names the messages that a STORE with UNCHANGEDSINCE left alone
// (RFC 7162 §3.1.3). "" without any.
func CodeModified(set NumSet) Code {
	if len(set) == 0 {
		return ""
	}
	b := []byte("MODIFIED ")
	for i, r := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRange(b, r)
	}
	return Code(b)
}

func numberCode(name string, n uint32) Code {
	return Code(strconv.AppendUint([]byte(name), uint64(n), 10))
}

// CodePermanentFlags lists the flags that a client can change for good. newOnes
// says that it may invent keywords (`\*`).
func CodePermanentFlags(flags []string, newOnes bool) Code {
	b := appendFlags([]byte("PERMANENTFLAGS "), flags)
	if newOnes {
		b = b[:len(b)-1]
		if len(flags) > 0 {
			b = append(b, ' ')
		}
		b = append(b, `\*)`...)
	}
	return Code(b)
}

// CodeCapability lists capabilities in a greeting or after login.
func CodeCapability(caps []string) Code {
	return Code("CAPABILITY " + strings.Join(caps, " "))
}

// CodeAppendUID is RFC 4315 §3: the UID of the message just appended.
func CodeAppendUID(validity, uid uint32) Code {
	b := strconv.AppendUint([]byte("APPENDUID "), uint64(validity), 10)
	b = append(b, ' ')
	return Code(strconv.AppendUint(b, uint64(uid), 10))
}

// CodeAppendUIDs is CodeAppendUID for several messages (RFC 4315 §3, RFC 3502), whose UIDs
// are in the order of the messages.
func CodeAppendUIDs(validity uint32, uids []uint32) Code {
	b := strconv.AppendUint([]byte("APPENDUID "), uint64(validity), 10)
	b = append(b, ' ')
	return Code(appendRanges(b, len(uids), func(i int) uint32 { return uids[i] }))
}

// CodeCopyUID is RFC 4315 §3: which UIDs became which in the target, whose
// UIDVALIDITY is given. "" if no new one is known.
func CodeCopyUID(validity uint32, pairs []bridge.UIDPair) Code {
	pairs = slices.DeleteFunc(slices.Clone(pairs), func(p bridge.UIDPair) bool { return p.To == 0 })
	if len(pairs) == 0 {
		return ""
	}
	b := strconv.AppendUint([]byte("COPYUID "), uint64(validity), 10)
	b = append(b, ' ')
	b = appendRanges(b, len(pairs), func(i int) uint32 { return pairs[i].From })
	b = append(b, ' ')
	return Code(appendRanges(b, len(pairs), func(i int) uint32 { return pairs[i].To }))
}

// appendRanges appends n numbers in their order, neighbours that count up as a range.
func appendRanges(dst []byte, n int, at func(int) uint32) []byte {
	for i := 0; i < n; {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, i = appendRun(dst, i, n, at)
	}
	return dst
}

// appendRun appends number i with those after it that count up, and returns
// where they end.
func appendRun(dst []byte, i, n int, at func(int) uint32) ([]byte, int) {
	r := bridge.UIDRange{First: at(i), Last: at(i)}
	for i++; i < n && at(i) == r.Last+1; i++ {
		r.Last++
	}
	return appendRange(dst, r), i
}

// appendRange appends "3", or "3:5" for more than one number.
func appendRange(dst []byte, r bridge.UIDRange) []byte {
	dst = strconv.AppendUint(dst, uint64(r.First), 10)
	if r.Last != r.First {
		dst = append(dst, ':')
		dst = strconv.AppendUint(dst, uint64(r.Last), 10)
	}
	return dst
}
