// Package probe finds out how a tenant's Graph really behaves where the documentation
// says nothing, or where reports of others contradict it: the checks C1 to C24 of the
// list that this project keeps of its assumptions.
//
// It works in one throw-away mailbox, below a folder that it makes and removes, and in
// Drafts, where the service puts what is made from MIME, with messages of its own. It
// sends nothing unless it is told where to. It translates nothing: a report holds
// what was asked and what came back.
package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Doer makes one request as it stands. (*graphstore.Client).Raw does.
type Doer func(ctx context.Context, method, target string, header http.Header, body []byte) (status int, answer http.Header, text []byte, err error)

// Options say where to look.
type Options struct {
	Do      Doer
	Mailbox string // address of a throw-away mailbox
	Denied  string // address of one that the app must not reach; "": not looked at
	SendTo  string // gets one message; "": nothing is sent
	Name    string // of the folder that is made; it should not exist
	// Pause waits before a question is asked again, for delays of the service and for
	// Retry-After; default: it waits.
	Pause func(ctx context.Context, d time.Duration) error
	// Log is told of each check as it ends; may be nil.
	Log func(Check)
}

// Verdict compares what came with what mail2graph assumes.
type Verdict string

// The verdicts. Noted is for what mail2graph does not rely on either way, Unclear for
// answers that allow no conclusion, ByHand for what needs a person.
const (
	Assumed Verdict = "as assumed"
	Differs Verdict = "differs"
	Noted   Verdict = "noted"
	Unclear Verdict = "unclear"
	ByHand  Verdict = "by hand"
)

// Step is one request with its answer.
type Step struct {
	Sent    string            `json:"sent"` // "PATCH /users/{u}/messages/{m}", and what matters of the body
	Status  int               `json:"status"`
	Code    string            `json:"code,omitempty"`
	Message string            `json:"message,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Took    time.Duration     `json:"took_ns"`
	Error   string            `json:"error,omitempty"` // there was no answer
}

// Check is one question.
type Check struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Assumes string  `json:"assumes"` // what mail2graph takes for granted
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found,omitempty"`
	Todo    string  `json:"todo,omitempty"` // what a person has to do to know (the rest of) it
	Steps   []Step  `json:"steps,omitempty"`
}

// Report is the outcome of all checks.
type Report struct {
	Mailbox string    `json:"mailbox"`
	Began   time.Time `json:"began"`
	Checks  []Check   `json:"checks"`
	Left    []string  `json:"left,omitempty"` // what could not be removed
}

// Count returns how many checks have a verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

// Run makes all checks. An error means that there was no ground to work on; what was
// made is removed in any case, and what could not be is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Pause == nil {
		o.Pause = func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	p := &prober{Options: o, user: "/users/" + url.PathEscape(o.Mailbox), report: &Report{Mailbox: o.Mailbox, Began: time.Now().UTC().Truncate(time.Second)}}
	defer p.removeAll(context.WithoutCancel(ctx))
	var made folder
	if s := p.ask(ctx, "POST", p.user+"/mailFolders", map[string]any{"displayName": o.Name, "isHidden": false}, &made); s.Status != http.StatusCreated || made.ID == "" {
		return p.report, fmt.Errorf("make the folder %q: %s", o.Name, s)
	}
	p.root = made.ID
	for _, q := range questions {
		if err := ctx.Err(); err != nil {
			return p.report, err
		}
		c := &Check{ID: q.id, Title: q.title, Assumes: q.assumes, Todo: q.todo, Verdict: ByHand}
		p.steps = nil
		if q.ask != nil {
			q.ask(ctx, p, c)
		}
		c.Steps = p.steps
		p.report.Checks = append(p.report.Checks, *c)
		if o.Log != nil {
			o.Log(*c)
		}
	}
	return p.report, nil
}

// question is a check before it was made. ask sets verdict and finding; without it the
// check is a person's.
type question struct {
	id, title, assumes, todo string
	ask                      func(ctx context.Context, p *prober, c *Check)
}

// prober is one run.
type prober struct {
	Options
	user   string // "/users/ADDRESS"
	root   string // id of the folder
	report *Report
	steps  []Step
	made   []string // ids of messages, wherever they are
}

type folder struct {
	ID     string     `json:"id"`
	Name   string     `json:"displayName"`
	Parent string     `json:"parentFolderId"`
	Total  int        `json:"totalItemCount"`
	Props  []property `json:"singleValueExtendedProperties"`
}

type message struct {
	ID                string     `json:"id"`
	Parent            string     `json:"parentFolderId"`
	Subject           string     `json:"subject"`
	ETag              string     `json:"@odata.etag"`
	Draft             *bool      `json:"isDraft"`
	Read              *bool      `json:"isRead"`
	Received          string     `json:"receivedDateTime"`
	InternetMessageID string     `json:"internetMessageId"`
	Props             []property `json:"singleValueExtendedProperties"`
	Bcc               []any      `json:"bccRecipients"`
	Removed           *struct{}  `json:"@removed"`
}

type property struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

type rows struct {
	Value     []message `json:"value"`
	NextLink  string    `json:"@odata.nextLink"`
	DeltaLink string    `json:"@odata.deltaLink"`
}

// ask sends JSON (or what is bytes: MIME, base64 already) and notes the step. into gets
// the body of a success. A 429 or 503 with Retry-After of up to two minutes is
// waited for, twice.
func (p *prober) ask(ctx context.Context, method, target string, body, into any, headers ...string) Step {
	header := http.Header{"Prefer": {`IdType="ImmutableId"`}}
	var text []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		text = b
		header.Set("Content-Type", "text/plain")
	default:
		text, _ = json.Marshal(b) // maps and texts of our own
		header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	step := Step{Sent: method + " " + p.redact(target) + summary(body)}
	for i := 0; i+1 < len(headers); i += 2 {
		step.Sent += " " + headers[i] + ": " + headers[i+1]
	}
	for try := 0; ; try++ {
		start := time.Now()
		status, answer, got, err := p.Do(ctx, method, target, header, text)
		step.Took = time.Since(start).Round(time.Millisecond)
		step.Status, step.Headers = status, interesting(answer)
		if at := step.Headers["Location"]; at != "" {
			step.Headers["Location"] = p.redact(answer.Get("Location"))
		}
		if err != nil {
			step.Error = err.Error()
			break
		}
		wait, asked := retryAfter(answer)
		if (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && asked) && try < 2 && wait <= 2*time.Minute && p.Pause(ctx, wait) == nil {
			continue
		}
		step.Code, step.Message = errorOf(status, got)
		if status < 300 && into != nil {
			if err := json.Unmarshal(got, into); err != nil {
				step.Error = "the answer is not the JSON that was expected: " + err.Error()
			}
		}
		if raw, ok := into.(*[]byte); ok && status < 300 {
			*raw, step.Error = got, ""
		}
		break
	}
	p.steps = append(p.steps, step)
	return step
}

// redact takes ids, tokens and the address out of a target or a link.
func (p *prober) redact(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		target = strings.TrimPrefix(u.EscapedPath(), "/v1.0") + "?" + u.RawQuery
	}
	target = strings.ReplaceAll(target, p.user, "/users/{u}")
	path, query, asked := strings.Cut(target, "?")
	path = longWord.ReplaceAllString(path, "{id}")
	if !asked || query == "" {
		return path
	}
	if plain, err := url.QueryUnescape(query); err == nil {
		query = plain
	}
	query = tokenValue.ReplaceAllString(query, "$1{token}")
	return clip(path+"?"+longWord.ReplaceAllString(query, "{token}"), 300)
}

// longWord is what only programs write: an id, a token; tokenValue is known by its name.
var (
	longWord   = regexp.MustCompile(`[A-Za-z0-9_+=%-]{40,}`)
	tokenValue = regexp.MustCompile(`(?i)(token=)[^&]*`)
)

// summary is a request's body as far as it is worth telling.
func summary(body any) string {
	switch b := body.(type) {
	case nil:
		return ""
	case []byte:
		return fmt.Sprintf(" (MIME, %d octets of base64)", len(b))
	}
	text, _ := json.Marshal(body)
	if len(text) > 200 {
		return fmt.Sprintf(" %s… (%d octets)", text[:200], len(text))
	}
	return " " + string(text)
}

// interestingHeaders are those that tell of the service's habits.
var interestingHeaders = []string{"Request-Id", "Retry-After", "Location", "Content-Type", "Content-Length", "Content-Range", "Accept-Ranges",
	"Preference-Applied", "Etag", "X-Ms-Throttle-Information", "Ratelimit-Remaining", "Deprecation", "Sunset", "X-Ms-Ags-Diagnostic"}

func interesting(h http.Header) map[string]string {
	out := map[string]string{}
	for _, name := range interestingHeaders {
		if v := h.Get(name); v != "" {
			out[name] = clip(v, 200)
		}
	}
	return out
}

func retryAfter(h http.Header) (time.Duration, bool) {
	v := h.Get("Retry-After")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || seconds < 0 {
		return 10 * time.Second, v != ""
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// errorOf reads error.code and error.message; pages of gateways have none.
func errorOf(status int, body []byte) (code, text string) {
	if status < 300 {
		return "", ""
	}
	var e struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(body, &e) != nil {
		return "", clip(strings.TrimSpace(string(body)), 200)
	}
	return e.Error.Code, clip(e.Error.Message, 300)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// ok reports a success.
func (s Step) ok() bool { return s.Error == "" && s.Status >= 200 && s.Status < 300 }

// String is the answer in short: "403 ErrorAccessDenied".
func (s Step) String() string {
	if s.Error != "" {
		return strings.TrimSpace(fmt.Sprintf("%s %s", statusText(s.Status), s.Error))
	}
	return strings.TrimSpace(statusText(s.Status) + " " + s.Code)
}

func statusText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
