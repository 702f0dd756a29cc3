package graphstore

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mail2graph/bridge"
)

// Error is an answer of Graph or of the login service other than success, or
// the lack of an answer. It unwraps to one of bridge's kinds of failure.
type Error struct {
	Op        string // "GET /users/{user}/messages/{message}", or "token"
	Status    int    // HTTP status; 0: there was no answer
	Code      string // error.code, the most specific known one
	Message   string // for the log only
	RequestID string // Graph's request-id, or the trace id of the login service

	kind      error
	cause     error         // network error, if there was no answer
	after     time.Duration // Retry-After
	hasAfter  bool
	throttled bool // the service wants less
	transient bool // worth another try
	notSent   bool // certainly nothing happened
	uncertain bool // something may have happened
	cured     bool // Message says what to do
	signIn    bool // a user has to sign in again
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	if e.Code != "" {
		b.WriteString(e.Code + " ")
	}
	if e.Message != "" {
		b.WriteString(strconv.Quote(e.Message) + " ")
	}
	if e.cause != nil {
		b.WriteString(e.cause.Error() + " ")
	}
	if e.RequestID != "" {
		b.WriteString("request-id " + e.RequestID + " ")
	}
	if e.uncertain {
		b.WriteString("(may have been carried out) ")
	}
	fmt.Fprintf(&b, "(%v)", e.kind)
	return b.String()
}

// Unwrap gives the kind of failure and, without an answer, what the network said.
func (e *Error) Unwrap() []error {
	if e.cause != nil {
		return []error{e.kind, e.cause}
	}
	return []error{e.kind}
}

// Uncertain reports that the request was sent and its answer lost: the service
// may have carried it out.
func (e *Error) Uncertain() bool { return e.uncertain }

// mayHaveHappened reports whether the request behind an answer may have been
// carried out: a gateway that lost the answer, or an unexpected success. A
// refusal with a reason is one, whatever its status; to the wary "busy" is no reason.
func (e *Error) mayHaveHappened(wary bool) bool {
	if e.Status < 400 {
		return true
	}
	return e.Status >= 500 && (wary || !e.notSent) && e.kind == bridge.ErrUnavailable
}

// answerError reads the error envelope of an answer (page graph/errors).
func answerError(op string, status int, h http.Header, body []byte) *Error {
	e := &Error{Op: op, Status: status, RequestID: h.Get("request-id")}
	e.readEnvelope(body)
	e.after, e.hasAfter = retryAfter(h, time.Now())
	e.classify()
	return e
}

// readEnvelope never fails: gateways answer with HTML, plain text or nothing.
func (e *Error) readEnvelope(body []byte) {
	var env struct {
		Error struct {
			Code    any // a number in answers of some gateways
			Message string
			Inner   *innerError `json:"innerError"` // also matches "innererror"
		} `json:"error"`
	}
	if json.Unmarshal(body, &env) != nil || env.Error.Code == nil {
		e.Message = clip(plainText(body))
		return
	}
	e.Code = fmt.Sprint(env.Error.Code)
	e.Message = clip(env.Error.Message)
	for in := env.Error.Inner; in != nil; in = in.Inner {
		if e.RequestID == "" {
			e.RequestID = in.RequestID
		}
		// The most specific known code wins (graph/errors).
		if _, ok := codeKinds[strings.ToLower(in.Code)]; ok {
			e.Code = in.Code
		}
	}
}

type innerError struct {
	Code      string      `json:"code"`
	RequestID string      `json:"request-id"`
	Inner     *innerError `json:"innerError"`
}

// statusKinds is the table of errors by HTTP status. What is missing is
// ErrInvalid below 500 and ErrUnavailable above.
var statusKinds = map[int]error{
	http.StatusUnauthorized:          bridge.ErrCredentials,
	http.StatusForbidden:             bridge.ErrDenied,
	http.StatusNotFound:              bridge.ErrNotFound,
	http.StatusConflict:              bridge.ErrExists,
	http.StatusGone:                  bridge.ErrResync,
	http.StatusRequestTimeout:        bridge.ErrUnavailable,
	http.StatusPreconditionFailed:    bridge.ErrUnavailable,
	http.StatusRequestEntityTooLarge: bridge.ErrTooLarge,
	http.StatusLocked:                bridge.ErrUnavailable,
	http.StatusFailedDependency:      bridge.ErrUnavailable,
	http.StatusTooManyRequests:       bridge.ErrUnavailable,
	http.StatusNotImplemented:        bridge.ErrInvalid,
	http.StatusInsufficientStorage:   bridge.ErrQuota,
}

// codeKinds is the table of errors by error.code, in lower case; it goes before
// the table by status (graph-reference §2.3, §6.4, §15).
var codeKinds = map[string]error{
	"erroraccessdenied":                      bridge.ErrDenied,
	"errorsendasdenied":                      bridge.ErrSendAs,
	"authorization_requestdenied":            bridge.ErrDenied,
	"errorcannotdeleteobject":                bridge.ErrDenied,
	"errordeletedistinguishedfolder":         bridge.ErrDenied,
	"errormovedistinguishedfolder":           bridge.ErrDenied,
	"errorinvaliduser":                       bridge.ErrNoMailbox,
	"mailboxnotenabledforrestapi":            bridge.ErrNoMailbox,
	"request_resourcenotfound":               bridge.ErrNoMailbox,
	"resourcenotfound":                       bridge.ErrNoMailbox,
	"erroritemnotfound":                      bridge.ErrNotFound,
	"errorfoldernotfound":                    bridge.ErrNotFound,
	"errorinvalididmalformed":                bridge.ErrNotFound, // an id that cannot be decoded names nothing
	"errorfolderexists":                      bridge.ErrExists,
	"resyncrequired":                         bridge.ErrResync,
	"syncstatenotfound":                      bridge.ErrResync,
	"syncstateinvalid":                       bridge.ErrResync,
	"errorsyncstateinvalid":                  bridge.ErrResync,
	"errorinvalidsyncstatedata":              bridge.ErrResync,
	"errorquotaexceeded":                     bridge.ErrQuota,
	"quotaexceeded":                          bridge.ErrQuota,
	"errormessagesizeexceeded":               bridge.ErrTooLarge,
	"requestentitytoolarge":                  bridge.ErrTooLarge,
	"errorirresolvableconflict":              bridge.ErrUnavailable,
	"errorserverbusy":                        bridge.ErrUnavailable,
	"errormailboxstoreunavailable":           bridge.ErrUnavailable,
	"errorinternalservertransienterror":      bridge.ErrUnavailable,
	"errortimeoutexpired":                    bridge.ErrUnavailable,
	"errorexceededmessagelimit":              bridge.ErrUnavailable,
	"toomanyrequests":                        bridge.ErrUnavailable,
	"applicationthrottled":                   bridge.ErrUnavailable,
	"errormimecontentconversionfailed":       bridge.ErrInvalid,
	"errormimecontentinvalid":                bridge.ErrInvalid,
	"errormimecontentinvalidbase64string":    bridge.ErrInvalid,
	"erroritemcorrupt":                       bridge.ErrInvalid,
	"errorcorruptdata":                       bridge.ErrInvalid,
	"errorinvalidrecipients":                 bridge.ErrInvalid,
	"errortoomanyrecipients":                 bridge.ErrInvalid,
	"errorunsupportedmimeconversion":         bridge.ErrInvalid,
	"errorinvalidrequest":                    bridge.ErrInvalid,
	"invalidauthenticationtoken":             bridge.ErrCredentials,
	"nopermissionsinaccesstoken":             bridge.ErrCredentials,
	"invalidinternetmessageheadercollection": bridge.ErrInvalid,
}

// classify fills kind and the marks of repetition from status and code.
func (e *Error) classify() {
	code := strings.ToLower(e.Code)
	kind, known := codeKinds[code]
	if !known {
		kind = statusKinds[e.Status]
	}
	switch {
	case kind != nil:
	case e.Status >= 500:
		kind = bridge.ErrUnavailable
	default:
		kind = bridge.ErrInvalid
	}
	if kind == bridge.ErrResync && !strings.HasSuffix(e.Op, "/delta") {
		kind = bridge.ErrNotFound // gone; only a delta can begin anew
	}
	e.kind = kind
	switch {
	case e.Status == http.StatusTooManyRequests, e.Status == statusBandwidth, code == "applicationthrottled":
		e.throttled, e.transient, e.notSent = true, true, true
	case e.Status == http.StatusServiceUnavailable:
		// With a code or a time it is the service's own refusal, before any work.
		e.transient, e.throttled = true, e.hasAfter
		e.notSent = e.hasAfter || e.Code != ""
	case e.Status == http.StatusGatewayTimeout:
		e.transient, e.throttled = true, e.hasAfter
	case errors.Is(kind, bridge.ErrUnavailable):
		e.transient = true
		e.notSent = e.Status < 500
	case code == "errorinvaliduser":
		e.transient, e.notSent = true, true // seen for a short time on good mailboxes
	}
}

const statusBandwidth = 509 // bandwidth limit, graph/errors

// fromNetwork makes e the error of a request without an answer.
func (e *Error) fromNetwork(err error) *Error {
	e.kind, e.cause, e.transient = bridge.ErrUnavailable, err, true
	var op *net.OpError
	var dns *net.DNSError
	e.notSent = errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
	if isTLSRefusal(err) { // stays so until somebody changes the configuration
		e.transient, e.notSent = false, true
	}
	return e
}

func isTLSRefusal(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		ca     x509.UnknownAuthorityError
		host   x509.HostnameError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &ca) || errors.As(err, &host)
}

// hasCode reports whether err is an answer of Graph with that error.code.
func hasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && strings.EqualFold(e.Code, code)
}

// isUncertain reports whether the request behind err may have been carried out.
func isUncertain(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.uncertain
}

// retryAfter reads Retry-After: whole or fractional seconds, or a date
// (RFC 9110 §10.2.3; graph/throttling shows a fraction).
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if s != s || s < 0 {
			return 0, false
		}
		return time.Duration(min(s, 24*3600) * float64(time.Second)), true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // the service's own clock
	}
	return max(0, at.Sub(now)), true
}

var tags = regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>|<[^>]*>`)

// plainText makes one line of what a gateway wrote.
func plainText(body []byte) string {
	s := string(body[:min(len(body), 4096)])
	if strings.Contains(s, "<") {
		s = html.UnescapeString(tags.ReplaceAllString(s, " "))
	}
	return strings.Join(strings.Fields(s), " ")
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}

// clip shortens a text of the service for the log.
func clip(s string) string {
	const limit = 300
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
