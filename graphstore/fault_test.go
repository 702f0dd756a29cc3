package graphstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mail2graph/bridge"
)

// fake plays login service and Graph without sockets, so that pauses cost no
// time inside synctest.
type fake struct {
	graph  func(w http.ResponseWriter, r *http.Request)
	tokens func(w http.ResponseWriter, r *http.Request) // nil: every request gets a new token
	log    []string                                     // Graph requests
	issued int
	text   bytes.Buffer // the log of the store
}

// lostAnswer makes the fake carry out a request and lose its answer.
type lostAnswer struct{}

func (f *fake) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler, lostAnswer{}:
			resp, err = nil, io.ErrUnexpectedEOF
		default:
			panic(v)
		}
	}()
	if r.Body != nil {
		defer r.Body.Close()
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		base := "https://login.test/tenant"
		json.NewEncoder(w).Encode(map[string]string{"token_endpoint": base + "/oauth2/v2.0/token",
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "issuer": base + "/v2.0"})
	case strings.HasSuffix(r.URL.Path, "/token"):
		f.issued++
		if f.tokens != nil {
			f.tokens(w, r)
			break
		}
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"token-%d"}`, f.issued)
	default:
		f.log = append(f.log, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1.0/users/u@example.com"))
		f.graph(w, r)
	}
	return w.Result(), nil
}

func (f *fake) store(t *testing.T) *Store {
	t.Helper()
	c, err := New(Options{TenantID: "tenant", ClientID: "client", ClientSecret: "very-secret", AuthorityHost: "https://login.test",
		GraphEndpoint: "https://graph.test", Logger: slog.New(slog.NewTextHandler(&f.text, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport = f
	return c.Mailbox("u@example.com")
}

// script answers one request after the other; the last goes on for ever.
func script(steps ...func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request) {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		step := steps[min(n, len(steps)-1)]
		n++
		step(w, r)
	}
}

func say(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		answer(w, status, body)
	}
}

func refuse(status int, code string, header ...string) func(http.ResponseWriter, *http.Request) {
	return say(status, fmt.Sprintf(`{"error":{"code":%q,"message":"m","innerError":{"request-id":"req-7"}}}`, code), header...)
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// TestReadsAreRepeated: what a GET meets, how long it takes, how often it asks.
func TestReadsAreRepeated(t *testing.T) {
	ok := say(200, `{"value":[]}`)
	cases := []struct {
		name     string
		graph    func(http.ResponseWriter, *http.Request)
		err      error
		calls    int
		min, max time.Duration
	}{
		{"429 with a fraction", script(refuse(429, "ApplicationThrottled", "Retry-After", "2.128"), ok), nil, 2, 2128 * time.Millisecond, 2128 * time.Millisecond},
		{"429 without a time", script(refuse(429, "TooManyRequests"), ok), nil, 2, 750 * time.Millisecond, time.Second},
		{"429 with a date", script(refuse(429, "TooManyRequests", "Date", "Fri, 02 Jan 2026 03:04:05 GMT", "Retry-After", "Fri, 02 Jan 2026 03:04:09 GMT"), ok), nil, 2, 4 * time.Second, 4 * time.Second},
		{"503 with a time", script(refuse(503, "UnknownError", "Retry-After", "3"), ok), nil, 2, 3 * time.Second, 3 * time.Second},
		{"502 in html", script(say(502, "<html><body>Bad gateway</body></html>", "Content-Type", "text/html"), ok), nil, 2, 200 * time.Millisecond, time.Second},
		{"500 then 429", script(refuse(500, "UnknownError"), refuse(429, "TooManyRequests", "Retry-After", "1"), ok), nil, 3, time.Second, 2 * time.Second},
		{"connection reset", script(reset, reset, ok), nil, 3, 500 * time.Millisecond, time.Second},
		{"always 503", refuse(503, "ErrorServerBusy"), bridge.ErrUnavailable, 4, time.Second, 5 * time.Second},
		{"always reset", reset, bridge.ErrUnavailable, 4, time.Second, 5 * time.Second},
		{"ErrorInvalidUser for a moment", script(refuse(404, "ErrorInvalidUser"), refuse(404, "ErrorInvalidUser"), ok), nil, 3, 500 * time.Millisecond, 2 * time.Second},
		{"ErrorInvalidUser for ever", refuse(404, "ErrorInvalidUser"), bridge.ErrNoMailbox, 3, 500 * time.Millisecond, 2 * time.Second},
		{"denied", refuse(403, "ErrorAccessDenied"), bridge.ErrDenied, 1, 0, 0},
		{"no json in a 200", say(200, "<html>captive portal</html>"), bridge.ErrUnavailable, 4, time.Second, 5 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{graph: c.graph}
				st := f.store(t)
				start := time.Now()
				err := st.List(t.Context(), "f", func([]bridge.MessageInfo) error { return nil })
				if !errors.Is(err, c.err) {
					t.Errorf("got %v, want %v", err, c.err)
				}
				if len(f.log) != c.calls {
					t.Errorf("%d requests, want %d", len(f.log), c.calls)
				}
				if d := time.Since(start); d < c.min || d > c.max {
					t.Errorf("took %v, want %v to %v", d, c.min, c.max)
				}
			})
		})
	}
}

// TestThrottledBeyondDeadline: no waiting for what cannot come in time.
func TestThrottledBeyondDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{graph: refuse(429, "ApplicationThrottled", "Retry-After", "120")}
		st := f.store(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := st.DeleteFolder(ctx, "f")
		var wait *bridge.RetryError
		if !errors.As(err, &wait) || wait.After != 2*time.Minute {
			t.Errorf("got %v, want a RetryError of 2m", err)
		}
		if !errors.Is(err, bridge.ErrUnavailable) || !strings.Contains(err.Error(), "ApplicationThrottled") || !strings.Contains(err.Error(), "req-7") {
			t.Errorf("error %q names neither code nor request id, or is not ErrUnavailable", err)
		}
		if len(f.log) != 1 || time.Since(start) != 0 {
			t.Errorf("%d requests in %v, want 1 and no waiting", len(f.log), time.Since(start))
		}
		// Others on the mailbox learn it without asking.
		if _, err := st.Messages(ctx, []bridge.MessageID{"a"}); !errors.As(err, &wait) || len(f.log) != 1 {
			t.Errorf("second request: %v after %d requests, want a RetryError without asking", err, len(f.log))
		}
	})
}

func TestTokenRenewedInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.graph = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer token-1" && len(f.log) > 1 {
				refuse(401, "InvalidAuthenticationToken")(w, r)
				return
			}
			answer(w, 200, `{"value":[]}`)
		}
		st := f.store(t)
		none := func([]bridge.MessageInfo) error { return nil }
		for range 3 {
			if err := st.List(t.Context(), "f", none); err != nil {
				t.Fatal(err)
			}
		}
		if f.issued != 2 || len(f.log) != 4 {
			t.Errorf("%d tokens and %d requests, want 2 and 4", f.issued, len(f.log))
		}
	})
}

// TestTokenRenewedInTime: a token is used to shortly before its end, and a
// renewal that fails does not cost a token that is still good.
func TestTokenRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{graph: say(200, `{"value":[]}`)}
		down := false
		f.tokens = func(w http.ResponseWriter, r *http.Request) {
			if down {
				answer(w, 503, `oops`)
				return
			}
			fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"token-%d"}`, f.issued)
		}
		st := f.store(t)
		list := func() error {
			return st.List(t.Context(), "f", func([]bridge.MessageInfo) error { return nil })
		}
		for _, step := range []struct {
			wait   time.Duration
			down   bool
			issued int
			ok     bool
		}{
			{0, false, 1, true}, {50 * time.Minute, false, 1, true}, {6 * time.Minute, false, 2, true},
			{56 * time.Minute, true, 3, true}, {10 * time.Second, true, 3, true}, {time.Hour, true, 7, false}, {0, false, 8, true},
		} {
			time.Sleep(step.wait) // synctest's clock
			down = step.down
			if err := list(); (err == nil) != step.ok {
				t.Errorf("after %v: %v, want success %t", step.wait, err, step.ok)
			} else if err != nil && !errors.Is(err, bridge.ErrUnavailable) {
				t.Errorf("after %v: %v, want ErrUnavailable", step.wait, err)
			}
			if f.issued != step.issued {
				t.Errorf("after %v: %d tokens asked for, want %d", step.wait, f.issued, step.issued)
			}
		}
	})
}

func TestRefusedCredentials(t *testing.T) {
	cases := []struct {
		name   string
		status int
		body   string
		want   error
		text   string
	}{
		{"expired secret", 401, `{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: t","error_codes":[7000222],"trace_id":"t-1"}`, bridge.ErrCredentials, "AADSTS7000222: the client secret has expired"},
		{"app not in tenant", 400, `{"error":"unauthorized_client","error_description":"AADSTS700016: x","error_codes":[700016]}`, bridge.ErrCredentials, "AADSTS700016: the client id is not known"},
		{"unknown number", 400, `{"error":"invalid_request","error_description":"AADSTS1: something\r\nTrace ID: t","error_codes":[1]}`, bridge.ErrCredentials, "AADSTS1: something"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{graph: say(200, `{"value":[]}`)}
				f.tokens = func(w http.ResponseWriter, r *http.Request) { answer(w, c.status, c.body) }
				st := f.store(t)
				for range 3 {
					_, err := st.Messages(t.Context(), []bridge.MessageID{"a"})
					if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
						t.Errorf("got %v, want %v with %q", err, c.want, c.text)
					}
					if strings.Contains(err.Error(), "very-secret") {
						t.Error("the error holds the secret")
					}
				}
				if f.issued != 1 || len(f.log) != 0 {
					t.Errorf("%d token requests and %d others, want 1 and 0: a refusal is remembered", f.issued, len(f.log))
				}
				f.tokens = nil
				time.Sleep(refusalPause) // synctest's clock
				if err := st.c.Check(t.Context()); err != nil {
					t.Errorf("after the pause: %v", err)
				}
				if strings.Contains(f.text.String(), "very-secret") || strings.Contains(f.text.String(), "token-") {
					t.Error("the log holds a secret")
				}
			})
		})
	}
}

func TestConflictIsRepeatedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{graph: script(refuse(412, "ErrorIrresolvableConflict"), say(200, `{"id":"a"}`))}
		st := f.store(t)
		read := true
		if err := st.SetFlags(t.Context(), []bridge.FlagUpdate{{ID: "a", Read: &read}})[0]; err != nil {
			t.Error(err)
		}
		f.graph = script(refuse(412, "ErrorIrresolvableConflict"), refuse(404, "ErrorItemNotFound"))
		if err := st.SetFlags(t.Context(), []bridge.FlagUpdate{{ID: "a", Read: &read}})[0]; !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound: the message went away", err)
		}
	})
}

// TestLostAnswerOfMove: the store looks where the message is before it says or
// repeats anything.
func TestLostAnswerOfMove(t *testing.T) {
	for _, carriedOut := range []bool{true, false} {
		t.Run(fmt.Sprintf("carried out %t", carriedOut), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				moves, parent := 0, "from"
				f := &fake{}
				f.graph = func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.HasSuffix(r.URL.Path, "/move"):
						moves++
						if moves == 1 && !carriedOut {
							panic(lostAnswer{})
						}
						parent = "to"
						if moves == 1 {
							panic(lostAnswer{})
						}
						answer(w, 201, `{"id":"a","parentFolderId":"to"}`)
					case strings.HasSuffix(r.URL.Path, "/mailFolders/to"):
						answer(w, 200, `{"id":"to"}`)
					default:
						answer(w, 200, `{"id":"a","parentFolderId":"`+parent+`"}`)
					}
				}
				got := f.store(t).Move(t.Context(), []bridge.MessageID{"a"}, "to")[0]
				if got.Err != nil || got.ID != "a" || parent != "to" {
					t.Errorf("got %+v, message in %q", got, parent)
				}
				if want := map[bool]int{true: 1, false: 2}[carriedOut]; moves != want {
					t.Errorf("%d moves, want %d", moves, want)
				}
			})
		})
	}
}

// TestLostAnswerOfSendDraft: it is not repeated before somebody has looked.
func TestLostAnswerOfSendDraft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{graph: func(http.ResponseWriter, *http.Request) { panic(lostAnswer{}) }}
		send := func() (bridge.Receipt, error) { return f.store(t).SendDraft(t.Context(), "a") }
		if _, err := send(); !errors.Is(err, bridge.ErrUnavailable) || !isUncertain(err) {
			t.Errorf("got %v, want an uncertain ErrUnavailable", err)
		}
		if len(f.log) != 1 {
			t.Errorf("%d requests, want 1", len(f.log))
		}
		// Throttling is certain: nothing happened, it may be repeated.
		f.graph = script(refuse(429, "TooManyRequests", "Retry-After", "1"), say(202, "", "request-id", "sent-1"))
		f.log = nil
		if r, err := send(); err != nil || r.RequestID != "sent-1" || len(f.log) != 2 {
			t.Errorf("after 429: %+v, %v in %d requests", r, err, len(f.log))
		}
		// A refusal with a reason is certain, a gateway's page is not.
		f.graph = refuse(507, "ErrorQuotaExceeded")
		if _, err := send(); !errors.Is(err, bridge.ErrQuota) || isUncertain(err) {
			t.Errorf("507: got %v, want a certain ErrQuota", err)
		}
		f.graph, f.log = say(502, "<html>"), nil
		if _, err := send(); !isUncertain(err) || len(f.log) != 1 {
			t.Errorf("502: got %v in %d requests, want an uncertain error and no repetition", err, len(f.log))
		}
		// 200 is no 202 (docs#13979).
		f.graph, f.log = say(200, ""), nil
		if _, err := send(); err == nil || len(f.log) != 1 {
			t.Errorf("200 instead of 202: %v in %d requests, want an error and no repetition", err, len(f.log))
		}
	})
}

// TestDraftState reads what services say of a draft in different words.
func TestDraftState(t *testing.T) {
	flags := func(id, value string) string {
		return `{"id":"a","isDraft":true,"singleValueExtendedProperties":[{"id":"` + id + `","value":` + value + `}]}`
	}
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   bridge.DraftState
		fails  bool
	}{
		"draft":                 {say(200, `{"id":"a","isDraft":true}`), bridge.DraftWaits, false},
		"draft with flags":      {say(200, flags("Integer 0xe07", `"9"`)), bridge.DraftWaits, false},
		"draft being submitted": {say(200, flags("Integer 0xe07", `"12"`)), bridge.DraftSent, false},
		"the same, a number":    {say(200, flags("Integer 0x0E07", `13`)), bridge.DraftSent, false},
		"nothing said":          {say(200, `{"id":"a"}`), bridge.DraftWaits, false},
		"sent":                  {say(200, `{"id":"a","isDraft":false}`), bridge.DraftSent, false},
		"gone":                  {refuse(404, "ErrorItemNotFound"), bridge.DraftGone, false},
		"no such mailbox":       {refuse(404, "MailboxNotEnabledForRESTAPI"), bridge.DraftWaits, true},
		"refused":               {refuse(403, "ErrorAccessDenied"), bridge.DraftWaits, true},
		"no JSON":               {say(200, "<html>"), bridge.DraftWaits, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{graph: tt.answer}
				got, err := f.store(t).DraftState(t.Context(), "a")
				if got != tt.want || (err != nil) != tt.fails {
					t.Errorf("got %v, %v; want %v, an error: %t", got, err, tt.want, tt.fails)
				}
			})
		})
	}
}

func TestDeltaExpiresInTheMiddle(t *testing.T) {
	next := `{"value":[{"id":"a","isRead":true}],"@odata.nextLink":"https://graph.test/v1.0/users/u@example.com/next"}`
	for name, last := range map[string]func(http.ResponseWriter, *http.Request){
		"410 SyncStateNotFound": refuse(410, "SyncStateNotFound"),
		"410 without a body":    say(410, ""),
		"400 SyncStateInvalid":  refuse(400, "SyncStateInvalid"),
		"404 syncStateNotFound": refuse(404, "syncStateNotFound"),
		"400 resyncRequired":    refuse(400, "ResyncRequired"),
		"400 of another name":   refuse(400, "BadRequest"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{graph: script(say(200, next), last)}
				rows := 0
				_, err := f.store(t).Delta(t.Context(), "f", "", func(c []bridge.Change) error { rows += len(c); return nil })
				if !errors.Is(err, bridge.ErrResync) || rows != 1 {
					t.Errorf("got %v after %d rows, want ErrResync after 1", err, rows)
				}
			})
		})
	}
}

// TestTokenStaysOnItsHost: a link that names another host is followed on the
// configured one, with path and query as they are.
func TestTokenStaysOnItsHost(t *testing.T) {
	for _, link := range []string{
		"https://graph.test:8443/v1.0/next?$skiptoken=a%2Bb", "http://elsewhere.test/v1.0/next?$skiptoken=a%2Bb", "/v1.0/next?$skiptoken=a%2Bb",
	} {
		f := &fake{}
		pages := 0
		f.graph = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host != "graph.test" {
				t.Errorf("request to %s", r.URL.Host)
			}
			if pages++; pages == 1 {
				answer(w, 200, `{"value":[{"id":"a"}],"@odata.nextLink":"`+link+`"}`)
				return
			}
			if got := r.URL.RequestURI(); got != "/v1.0/next?$skiptoken=a%2Bb" {
				t.Errorf("second page asked as %s", got)
			}
			answer(w, 200, `{"value":[{"id":"b"}],"@odata.deltaLink":"https://elsewhere.test/v1.0/end"}`)
		}
		rows := 0
		next, err := f.store(t).Delta(t.Context(), "f", "", func(c []bridge.Change) error { rows += len(c); return nil })
		if err != nil || rows != 2 || next != "https://elsewhere.test/v1.0/end" {
			t.Errorf("%s: %d rows, next %q, %v", link, rows, next, err)
		}
	}
}

func TestPageTooBig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		var tops []string
		f.graph = func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			tops = append(tops, q.Get("$top")+"/"+q.Get("$skip"))
			switch {
			case len(tops) == 1:
				answer(w, 200, `{"value":[{"id":"a"},{"id":"b"}],"@odata.nextLink":"https://graph.test/v1.0/p?$top=500&$skip=2"}`)
			case q.Get("$top") > "125":
				answer(w, 504, "<html>gateway timeout</html>")
			default:
				answer(w, 200, `{"value":[{"id":"c"}]}`)
			}
		}
		var got []string
		err := f.store(t).List(t.Context(), "f", func(p []bridge.MessageInfo) error {
			for _, m := range p {
				got = append(got, string(m.ID))
			}
			return nil
		})
		if err != nil || strings.Join(got, "") != "abc" {
			t.Errorf("got %q, %v", got, err)
		}
		if want := "500/ 500/2 250/2 125/2"; strings.Join(tops, " ") != want {
			t.Errorf("pages %q, want %q", tops, want)
		}
	})
}
