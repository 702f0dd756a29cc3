package graphsim

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// controlMailboxes adds what concerns one mailbox to the control interface.
func (s *Server) controlMailboxes(handle func(string, func(*http.Request) (any, error))) {
	on := func(pattern string, fn func(*Mailbox, *http.Request) (any, error)) {
		handle(pattern, func(r *http.Request) (any, error) {
			mb := s.Mailbox(r.PathValue("addr"))
			if mb == nil {
				return nil, fmt.Errorf("mailbox %s: %w", r.PathValue("addr"), ErrNotFound)
			}
			return fn(mb, r)
		})
	}
	handle("GET /_sim/mailboxes", func(*http.Request) (any, error) {
		list := []object{}
		for _, mb := range s.Mailboxes() {
			list = append(list, object{{"address", mb.address}, {"id", mb.id}, {"displayName", mb.opts.DisplayName}})
		}
		return list, nil
	})
	handle("POST /_sim/mailboxes", s.controlAddMailbox)
	on("POST /_sim/mailboxes/{addr}/state", func(mb *Mailbox, r *http.Request) (any, error) {
		st, known := map[string]State{"ok": StateOK, "invalid": StateInvalid, "onpremises": StateOnPremises}[r.FormValue("state")]
		if !known {
			return nil, fmt.Errorf("state %q is none of ok, invalid, onpremises", r.FormValue("state"))
		}
		mb.SetState(st)
		return nil, nil
	})
	on("POST /_sim/mailboxes/{addr}/expire", func(mb *Mailbox, r *http.Request) (any, error) {
		return nil, mb.ExpireDelta(r.FormValue("folder"))
	})
	on("GET /_sim/mailboxes/{addr}/folders", func(mb *Mailbox, _ *http.Request) (any, error) { return mb.Folders(), nil })
	on("POST /_sim/mailboxes/{addr}/folders", controlAddFolder)
	on("PATCH /_sim/mailboxes/{addr}/folders", controlChangeFolder)
	on("DELETE /_sim/mailboxes/{addr}/folders", func(mb *Mailbox, r *http.Request) (any, error) {
		return nil, mb.DeleteFolder(r.FormValue("folder"))
	})
	on("POST /_sim/mailboxes/{addr}/deliver", controlDeliver)
	on("GET /_sim/mailboxes/{addr}/messages", func(mb *Mailbox, r *http.Request) (any, error) {
		if _, err := mb.Folder(r.FormValue("folder")); err != nil {
			return nil, err
		}
		return notNil(mb.Messages(r.FormValue("folder"))), nil
	})
	on("GET /_sim/mailboxes/{addr}/messages/{id}", func(mb *Mailbox, r *http.Request) (any, error) { return mb.Message(r.PathValue("id")) })
	on("GET /_sim/mailboxes/{addr}/messages/{id}/mime", func(mb *Mailbox, r *http.Request) (any, error) {
		b, err := mb.MIME(r.PathValue("id"))
		return Bytes(b), err
	})
	on("PATCH /_sim/mailboxes/{addr}/messages/{id}", controlChangeMessage)
	on("DELETE /_sim/mailboxes/{addr}/messages/{id}", func(mb *Mailbox, r *http.Request) (any, error) {
		return nil, mb.DeleteMessage(r.PathValue("id"))
	})
	on("POST /_sim/mailboxes/{addr}/messages/{id}/outandback", func(mb *Mailbox, r *http.Request) (any, error) {
		return nil, mb.MoveOutAndBack(r.PathValue("id"), r.FormValue("folder"))
	})
}

func (s *Server) controlAddMailbox(r *http.Request) (any, error) {
	b, err := readJSON[struct {
		Address, DisplayName, Locale string
		Aliases, SendAs              []string
		NoArchive                    bool
	}](r)
	if err != nil {
		return nil, err
	}
	mb, err := s.AddMailbox(b.Address, MailboxOptions{DisplayName: b.DisplayName, Locale: b.Locale, Aliases: b.Aliases,
		SendAs: b.SendAs, NoArchive: b.NoArchive})
	if err != nil {
		return nil, err
	}
	return object{{"address", mb.address}, {"id", mb.id}}, nil
}

func controlAddFolder(mb *Mailbox, r *http.Request) (any, error) {
	b, err := readJSON[struct {
		Parent, Name string
		Search       bool
	}](r)
	if err != nil {
		return nil, err
	}
	id, err := mb.createFolder(b.Parent, b.Name, b.Search)
	if err != nil {
		return nil, err
	}
	return object{{"id", id}}, nil
}

func controlChangeFolder(mb *Mailbox, r *http.Request) (any, error) {
	b, err := readJSON[struct{ Name, Parent *string }](r)
	if err != nil {
		return nil, err
	}
	v, err := mb.Folder(r.FormValue("folder"))
	if err != nil {
		return nil, err
	}
	if b.Name != nil {
		err = mb.RenameFolder(v.ID, *b.Name)
	}
	if b.Parent != nil && err == nil {
		err = mb.MoveFolder(v.ID, *b.Parent)
	}
	return nil, err
}

func controlDeliver(mb *Mailbox, r *http.Request) (any, error) {
	q := r.URL.Query() // not FormValue, which may read the body
	mime, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	o := DeliverOptions{Folder: q.Get("folder"), Read: q.Get("read") == "true", Draft: q.Get("draft") == "true"}
	if text := q.Get("received"); text != "" {
		if o.Received, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, err
		}
	}
	id, err := mb.Deliver(mime, o)
	if err != nil {
		return nil, err
	}
	return object{{"id", id}}, nil
}

func controlChangeMessage(mb *Mailbox, r *http.Request) (any, error) {
	b, err := readJSON[struct {
		Read, FailValue       *bool
		Flag, Subject, Folder *string
		Verb                  *int
		Categories            *[]string
	}](r)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if v, err := mb.Message(id); err != nil {
		return nil, err
	} else if b.Folder != nil {
		id = v.ID // the default id would not survive the move
	}
	for _, change := range []struct {
		wanted bool
		do     func() error
	}{
		{b.Read != nil, func() error { return mb.SetRead(id, *b.Read) }},
		{b.FailValue != nil, func() error { return mb.FailValue(id, *b.FailValue) }},
		{b.Flag != nil, func() error { return mb.SetFlag(id, *b.Flag) }},
		{b.Categories != nil, func() error { return mb.SetCategories(id, *b.Categories...) }},
		{b.Verb != nil, func() error { return mb.SetVerb(id, *b.Verb) }},
		{b.Subject != nil, func() error { return mb.SetSubject(id, *b.Subject) }},
		{b.Folder != nil, func() error { return mb.MoveMessage(id, *b.Folder) }},
	} {
		if !change.wanted {
			continue
		}
		if err := change.do(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
