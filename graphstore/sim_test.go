package graphstore

import (
	"maps"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/storetest"
	"mail2graph/graphstore/graphsim"
)

const simAddress = "demo@example.com"

// sim is a running simulator with one mailbox and a store on it.
type sim struct {
	*graphsim.Running
	box    *graphsim.Mailbox
	client *Client
	store  *Store
}

func newSim(t testing.TB, o graphsim.Options, m graphsim.MailboxOptions) *sim {
	t.Helper()
	if o.Check == nil {
		o.Check = (&graphsim.Validator{ImmutableIDs: true}).Check
	}
	server := graphsim.NewTest(t, o)
	server.AddApp(graphsim.App{Tenant: "example.com", ClientID: "app-1", Secret: "s3cret",
		Roles: []string{"Mail.ReadWrite", "Mail.Send"}})
	box, err := server.AddMailbox(simAddress, m)
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(Options{TenantID: "example.com", ClientID: "app-1", ClientSecret: "s3cret",
		AuthorityHost: server.URL, GraphEndpoint: server.URL, CAs: server.CAPEM})
	if err != nil {
		t.Fatal(err)
	}
	return &sim{Running: server, box: box, client: client, store: client.Mailbox(simAddress)}
}

// outside changes the simulated mailbox past the store.
type outside struct {
	t   *testing.T
	box *graphsim.Mailbox
}

func (o outside) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o outside) Deliver(to bridge.FolderID, mime []byte, d storetest.DeliverOptions) bridge.MessageID {
	id, err := o.box.Deliver(mime, graphsim.DeliverOptions{Folder: string(to), Received: d.Received, Read: d.Read,
		Flagged: d.Flagged, Draft: d.Draft, Categories: d.Categories})
	o.must(err)
	switch d.Verb {
	case bridge.VerbReply:
		o.must(o.box.SetVerb(id, verbReply))
	case bridge.VerbForward:
		o.must(o.box.SetVerb(id, verbForward))
	}
	return bridge.MessageID(id)
}

func (o outside) SetRead(id bridge.MessageID, on bool) { o.must(o.box.SetRead(string(id), on)) }

func (o outside) SetFlagged(id bridge.MessageID, on bool) {
	status := "notFlagged"
	if on {
		status = "flagged"
	}
	o.must(o.box.SetFlag(string(id), status))
}

func (o outside) SetCategories(id bridge.MessageID, categories ...string) {
	o.must(o.box.SetCategories(string(id), categories...))
}

func (o outside) MoveMessage(id bridge.MessageID, to bridge.FolderID) {
	o.must(o.box.MoveMessage(string(id), string(to)))
}

func (o outside) Remove(id bridge.MessageID) { o.must(o.box.DeleteMessage(string(id))) }

func (o outside) ExpireDelta() { o.must(o.box.ExpireDelta("")) }

// TestConformance runs the suite of bridge.Store over the simulator in several
// of its moods.
func TestConformance(t *testing.T) {
	for name, o := range map[string]graphsim.Options{
		"default":         {},
		"small pages":     {Modes: graphsim.Modes{MaxPage: 7, EmptyPages: true, PartialRows: true, DeltaReplay: 3, NoGzip: true}},
		"no filters":      {Modes: graphsim.Modes{FilterRefused: true}},
		"deaf to filters": {Modes: graphsim.Modes{FilterIgnored: true, MaxPage: 3}},
		"other moods": {Modes: graphsim.Modes{Reencode: true, SensitiveLocked: true, BatchOverflow: true,
			BatchFails424: true, ValueLength: true, Article: graphsim.ArticleAbsent}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				s := newSim(t, o, graphsim.MailboxOptions{Locale: "de", NoArchive: true})
				return storetest.Fixture{Store: s.store, Address: simAddress, Outside: outside{t, s.box}}
			})
		})
	}
}

// TestHeaders reads header blocks, one by one and by the folder.
func TestHeaders(t *testing.T) {
	s := newSim(t, graphsim.Options{Modes: graphsim.Modes{MaxPage: 10}}, graphsim.MailboxOptions{})
	var ids []bridge.MessageID
	for range 25 {
		id, err := s.box.Deliver([]byte("Subject: x\r\nX-Trace: 1\r\n\r\nbody\r\n"), graphsim.DeliverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, bridge.MessageID(id))
	}
	check := func(how string, got map[bridge.MessageID][]byte) {
		for _, id := range ids {
			if h := string(got[id]); !strings.Contains(h, "X-Trace: 1") || strings.Contains(h, "body") {
				t.Errorf("%s: header of %s is %q", how, id, h)
			}
		}
	}
	got, err := s.store.Headers(t.Context(), append(ids, "nobody"))
	if err != nil || len(got) != len(ids) {
		t.Fatalf("%d blocks, %v, want %d", len(got), err, len(ids))
	}
	check("Headers", got)
	got = map[bridge.MessageID][]byte{}
	err = s.store.ListHeaders(t.Context(), s.folderID(t, "inbox"), func(page map[bridge.MessageID][]byte) error {
		maps.Copy(got, page)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check("ListHeaders", got)
}
