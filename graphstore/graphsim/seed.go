package graphsim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// SeedOptions say how a mailbox is filled. The same options give the same bytes
// in the same order on every platform.
type SeedOptions struct {
	// Messages is how many there will be; 0 means 300.
	Messages int
	// Seed chooses one of very many mailboxes.
	Seed uint64
	// Now is the time of the newest message; zero means noon on 1 November 2026, UTC.
	Now time.Time
	// Folder puts everything into one folder (a well-known name, an id or a
	// path); "" makes a tree of folders and spreads the messages.
	Folder string
	// MaxAttachment bounds the bytes of one attachment; 0 means about 4.5 MB.
	MaxAttachment int64
}

// seedYear is how far the seeded mail goes back.
const seedYear = 400 * 24 * time.Hour

// Seed fills a mailbox with mail as a small company has it: conversations,
// newsletters, invoices, tickets, several languages and charsets, attachments up
// to some megabytes. Messages are laid out to know their size and thrown away;
// their bytes are made anew by each reader.
func Seed(mb *Mailbox, o SeedOptions) error {
	if o.Messages == 0 {
		o.Messages = 300
	}
	if o.Now.IsZero() {
		o.Now = time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
	}
	if o.MaxAttachment == 0 {
		o.MaxAttachment = 4_500_000
	}
	plans := planMail(mb.owner(), o)
	tree := &seedTree{one: o.Folder}
	if o.Folder == "" {
		if err := tree.create(mb); err != nil {
			return fmt.Errorf("seed %s: %w", mb.Address(), err)
		}
	}
	for _, p := range plans {
		if err := p.deliver(mb, tree, o.Now); err != nil {
			return fmt.Errorf("seed %s: %w", mb.Address(), err)
		}
	}
	return nil
}

// owner is the name and address that mail to the mailbox carries.
func (mb *Mailbox) owner() Address { return Address{mb.opts.DisplayName, mb.address} }

// planMail decides on every message, oldest first.
func planMail(owner Address, o SeedOptions) []*mailPlan {
	_, domain, _ := strings.Cut(owner.Address, "@")
	total := 0
	for _, k := range mailKinds {
		total += k.weight
	}
	d := rollFor(o.Seed, 0, 0)
	plans := make([]*mailPlan, 0, o.Messages)
	for round := 0; len(plans) < o.Messages; round++ {
		kind := chooseKind(d, total)
		if round < len(mailKinds) {
			kind = mailKinds[round] // each at least once
		}
		back := float64(d.upTo(1_000_000)) / 1e6
		p := &mailPlan{
			owner: owner, domain: domain, seed: o.Seed, index: len(plans), kind: kind, writer: chooseWriter(d, kind.language),
			sent:  o.Now.Add(-time.Duration(back * back * float64(seedYear))).Add(-time.Minute).Truncate(time.Second).UTC(),
			topic: d.upTo(len(topics)), maxBytes: o.MaxAttachment,
		}
		p.byOwner = kind.place != placeJunk && kind.place != placeNews && kind.place != placeTickets && kind.language != "" && d.percent(18)
		p.draft = p.byOwner && d.percent(8)
		plans = append(plans, p)
		if kind == conversationKind && !p.draft {
			plans = addAnswers(plans, d, o)
		}
	}
	slices.SortStableFunc(plans, func(a, b *mailPlan) int { return a.sent.Compare(b.sent) })
	return plans
}

func chooseKind(d *dice, total int) *mailKind {
	n := d.upTo(total)
	for _, k := range mailKinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	return conversationKind
}

func chooseWriter(d *dice, language string) person {
	for {
		if p := pick(d, people); language == "" || p.language == language {
			return p
		}
	}
}

// addAnswers continues the conversation that the last plan began, by turns.
func addAnswers(plans []*mailPlan, d *dice, o SeedOptions) []*mailPlan {
	last := plans[len(plans)-1]
	for range d.upTo(6) {
		sent := last.sent.Add(time.Duration(d.between(5, 2500)) * time.Minute)
		if len(plans) == o.Messages || sent.After(o.Now) {
			break
		}
		next := *last
		next.index, next.parent, next.sent, next.byOwner = len(plans), last, sent, !last.byOwner
		last.answered = next.byOwner
		plans = append(plans, &next)
		last = &next
	}
	return plans
}

// seedTree knows the ids of the folders that seeding made.
type seedTree struct {
	one      string // where everything goes, "" for the tree
	projects []string
	foreign  []string
	news     string
	tickets  string
	archive  []string
}

// create makes the folders. Names that hold the separator or other signs of
// IMAP, and names in other scripts, are there to be got right.
func (t *seedTree) create(mb *Mailbox) error {
	var failed error
	add := func(parent, name string) string {
		id, err := mb.CreateFolder(parent, name)
		if err != nil && failed == nil {
			failed = err
		}
		return id
	}
	projects := add("", "Projects")
	aurora := add(projects, "Aurora")
	quarter := add(add(aurora, "2026"), "Quarter 3")
	t.projects = []string{
		projects, aurora, quarter, add(add(quarter, "Minutes"), "Steering committee"),
		add(projects, "Bridge Retrofit"), add(add("", "AC/DC"), "Live & loud"), add(projects, "R&D"),
	}
	drafts := add("", "Entwürfe 2025")
	t.foreign = []string{add(drafts, "Überweisungen"), add("", "Rechnungen & Belege"), add(add("", "日本支社"), "議事録"), add("", "Договоры"), drafts}
	t.news = add("inbox", "Newsletters")
	t.tickets = add("inbox", "Tickets [auto]")
	archive := "archive"
	if _, err := mb.Folder(archive); err != nil {
		archive = add("", "Old mail")
	}
	t.archive = []string{archive, add(archive, "2025"), add(archive, `100% "done" *`)}
	add("", "Empty")
	return failed
}

// place chooses the folder of a message.
func (t *seedTree) place(p *mailPlan, d *dice, age time.Duration) string {
	switch {
	case t.one != "":
		return t.one
	case p.draft:
		return "drafts"
	case p.byOwner:
		return "sentitems"
	case p.kind.place == placeJunk:
		return "junkemail"
	case d.percent(4):
		return "deleteditems"
	case age > seedYear/2 && d.percent(40):
		return pick(d, t.archive)
	case p.kind.place == placeNews && d.percent(80):
		return t.news
	case p.kind.place == placeTickets && d.percent(60):
		return t.tickets
	case p.kind.place == placeForeign && d.percent(50):
		return pick(d, t.foreign)
	case p.kind.place == placeProject && d.percent(35):
		return t.projects[p.root().index%len(t.projects)]
	}
	return "inbox"
}

// deliver lays the message out once, for its size and its listing, and files it.
func (p *mailPlan) deliver(mb *Mailbox, tree *seedTree, now time.Time) error {
	m := p.compose()
	content := &seededMail{plan: p, size: m.layout(&seedPieces{measure: true}).bytes}
	d := p.dice(rollState)
	age := now.Sub(p.sent)
	o := DeliverOptions{
		Folder: tree.place(p, d, age), Received: p.sent.Add(time.Duration(2+d.upTo(20)) * time.Second), Meta: &m.meta, Type: m.odata,
		Draft: p.draft, Read: p.byOwner || p.answered || d.percent(97), Flagged: d.percent(5),
	}
	if age < seedYear/20 && !p.byOwner && !p.answered {
		o.Read = d.percent(45) // much of the last weeks is unread, hardly anything older
	}
	if d.percent(9) {
		o.Categories = []string{pick(d, categories)}
		if second := pick(d, categories); d.percent(30) && second != o.Categories[0] {
			o.Categories = append(o.Categories, second)
		}
	}
	id, err := mb.DeliverContent(content, o)
	if err != nil {
		return err
	}
	switch {
	case p.answered:
		err = mb.SetVerb(id, 102)
	case !p.byOwner && d.percent(3):
		err = mb.SetVerb(id, 104)
	}
	if err == nil && !o.Flagged && d.percent(2) {
		err = mb.SetFlag(id, "complete")
	}
	return err
}
