package graphsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// controlHelp is what GET /_sim/ says.
const controlHelp = `graphsim: a simulator of Microsoft Graph mail. This is its control interface; Graph itself is below /v1.0.
No token is needed here, every change acts at once and past all limits, as if Outlook or the transport made it.
Answers are JSON. FOLDER is a well-known name, an id or a path of display names ("Inbox/Projects").

GET    /_sim/mailboxes                           all mailboxes
POST   /_sim/mailboxes                           add one: {"address":"a@b.example","displayName":"","locale":"de","sendAs":["*"]}
POST   /_sim/mailboxes/ADDR/state?state=STATE    ok, invalid or onpremises
GET    /_sim/mailboxes/ADDR/folders              the tree
POST   /_sim/mailboxes/ADDR/folders              make one: {"parent":"inbox","name":"x"}
PATCH  /_sim/mailboxes/ADDR/folders?folder=F     rename or move: {"name":"y","parent":"archive"}
DELETE /_sim/mailboxes/ADDR/folders?folder=F     remove for good
POST   /_sim/mailboxes/ADDR/deliver?folder=F     deliver the body, raw MIME; also received=2026-01-02T03:04:05Z, read=true, draft=true
GET    /_sim/mailboxes/ADDR/messages?folder=F    what a folder holds, oldest first
GET    /_sim/mailboxes/ADDR/messages/ID          one message; ID/mime for its bytes
PATCH  /_sim/mailboxes/ADDR/messages/ID          change: {"read":true,"flag":"flagged","categories":["x"],"verb":102,"subject":"s",
                                                 "folder":"archive","failValue":true}
DELETE /_sim/mailboxes/ADDR/messages/ID          remove for good
POST   /_sim/mailboxes/ADDR/messages/ID/outandback?folder=F   move to F and back at once
POST   /_sim/mailboxes/ADDR/expire?folder=F      make delta tokens invalid, of all folders without F
GET    /_sim/deliveries                          what was submitted
POST   /_sim/bounce?address=A                    mail to A comes back when the mode NDR is on
POST   /_sim/settle                              do at once what is due later
POST   /_sim/apps                                add or replace an app: {"tenant":"t","clientId":"c","secret":"s","roles":["Mail.ReadWrite"],...}
POST   /_sim/apps/revoke?tenant=T&client=C       make the app's tokens invalid
POST   /_sim/users                               add or replace a user: {"tenant":"t","name":"a@b.example","mailboxes":["shared@b.example"]}
POST   /_sim/users/revoke?tenant=T&name=N        make the user's refresh tokens invalid
POST   /_sim/device                              a form: code=CODE&user=NAME enters a device code; with do=decline or do=expire;
                                                 GET is the page for a browser
GET    /_sim/faults                              the rules; POST adds one, DELETE removes all, DELETE /_sim/faults/N one
GET    /_sim/requests                            the log; DELETE empties it
GET    /_sim/counters                            requests by route and kind
GET    /_sim/unmodelled                          requests that the simulator does not know
GET    /_sim/violations                          what the request check found
GET    /_sim/modes, /_sim/limits                 the settings; PUT replaces them
`

// controlHandler is the control interface, for programs in other processes.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, controlHelp)
	})
	handle := func(pattern string, fn func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := fn(r)
			writeControl(w, v, err)
		})
	}
	handle("GET /_sim/deliveries", func(*http.Request) (any, error) { return s.Deliveries(), nil })
	handle("POST /_sim/settle", func(*http.Request) (any, error) { s.Settle(); return nil, nil })
	handle("POST /_sim/bounce", func(r *http.Request) (any, error) { s.Bounce(r.FormValue("address")); return nil, nil })
	handle("POST /_sim/apps", s.controlAddApp)
	handle("POST /_sim/apps/revoke", func(r *http.Request) (any, error) {
		s.RevokeTokens(r.FormValue("tenant"), r.FormValue("client"))
		return nil, nil
	})
	handle("POST /_sim/users", func(r *http.Request) (any, error) {
		u, err := readJSON[User](r)
		if err == nil {
			s.AddUser(u)
		}
		return nil, err
	})
	handle("POST /_sim/users/revoke", func(r *http.Request) (any, error) {
		s.RevokeSignIns(r.FormValue("tenant"), r.FormValue("name"))
		return nil, nil
	})
	mux.HandleFunc("/_sim/device", s.serveDevicePage)
	handle("GET /_sim/faults", func(*http.Request) (any, error) { return s.Faults(), nil })
	handle("POST /_sim/faults", func(r *http.Request) (any, error) {
		f, err := readJSON[Fault](r)
		if err != nil {
			return nil, err
		}
		return object{{"id", s.AddFault(f)}}, nil
	})
	handle("DELETE /_sim/faults", func(*http.Request) (any, error) { s.ClearFaults(); return nil, nil })
	handle("DELETE /_sim/faults/{id}", func(r *http.Request) (any, error) {
		id, err := strconv.Atoi(r.PathValue("id"))
		return object{{"applied", s.RemoveFault(id)}}, err
	})
	handle("GET /_sim/requests", func(*http.Request) (any, error) { return s.Requests(), nil })
	handle("DELETE /_sim/requests", func(*http.Request) (any, error) { s.ResetLog(); return nil, nil })
	handle("GET /_sim/counters", func(*http.Request) (any, error) { return s.Counts(), nil })
	handle("GET /_sim/unmodelled", func(*http.Request) (any, error) { return notNil(s.Unmodelled()), nil })
	handle("GET /_sim/violations", func(*http.Request) (any, error) { return notNil(s.Violations()), nil })
	handle("GET /_sim/modes", func(*http.Request) (any, error) { return s.Modes(), nil })
	handle("PUT /_sim/modes", func(r *http.Request) (any, error) {
		m, err := readJSON[Modes](r)
		if err == nil {
			s.SetModes(m)
		}
		return nil, err
	})
	handle("GET /_sim/limits", func(*http.Request) (any, error) { return s.Limits(), nil })
	handle("PUT /_sim/limits", func(r *http.Request) (any, error) {
		l, err := readJSON[Limits](r)
		if err == nil {
			s.SetLimits(l)
		}
		return nil, err
	})
	s.controlMailboxes(handle)
	mux.HandleFunc("/_sim/", func(w http.ResponseWriter, r *http.Request) {
		writeControl(w, nil, fmt.Errorf("%s %s: %w; GET /_sim/ lists what there is", r.Method, r.URL.Path, ErrNotFound))
	})
	return mux
}

// writeControl answers with JSON: 204 for nothing, 404 for what does not exist, 400 for other errors.
func writeControl(w http.ResponseWriter, v any, err error) {
	if raw, isRaw := v.(Bytes); isRaw && err == nil {
		w.Header().Set("Content-Type", "message/rfc822")
		w.Write(raw)
		return
	}
	if v == nil && err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, ErrNotFound):
		w.WriteHeader(http.StatusNotFound)
		v = object{{"error", err.Error()}}
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		v = object{{"error", err.Error()}}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v) // the client may have gone
}

// readJSON decodes a body strictly, so that a misspelt name is noticed.
func readJSON[T any](r *http.Request) (T, error) {
	var v T
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	return v, err
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// controlAddApp adds an app; its certificates and keys can be given in Go only.
func (s *Server) controlAddApp(r *http.Request) (any, error) {
	a, err := readJSON[struct {
		Tenant, ClientID, Secret             string
		SecretExpired, Disabled, Policy      bool
		Roles, ExchangeRoles, AllowMailboxes []string
		TokenLifetimeSeconds, TokenError     int
		Public                               bool
		Delegated                            []string
	}](r)
	if err != nil {
		return nil, err
	}
	s.AddApp(App{Tenant: a.Tenant, ClientID: a.ClientID, Secret: a.Secret, SecretExpired: a.SecretExpired, Disabled: a.Disabled,
		Policy: a.Policy, Roles: a.Roles, ExchangeRoles: a.ExchangeRoles, AllowMailboxes: a.AllowMailboxes,
		TokenLifetime: time.Duration(a.TokenLifetimeSeconds) * time.Second, TokenError: a.TokenError,
		Public: a.Public, Delegated: a.Delegated})
	return nil, nil
}
