package graphsim

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// message is one item in a folder. Its content is either MIME as it came (content) or properties (body and
// attachments); materialise turns the first into the second. Everything is guarded by the server's mutex.
type message struct {
	mb     *Mailbox
	folder *folder
	num    uint64 // in immutable ids
	entry  uint64 // in default ids, new on every move
	key    uint64 // change key

	article  int       // 0x0e23
	arrived  time.Time // in its folder
	received time.Time
	created  time.Time
	modified time.Time

	meta       *Meta // nil until somebody asks
	read       bool
	draft      bool
	flag       followUp
	categories []string
	inference  string
	odataType  string
	failValue  bool
	internal   bool // came from a mailbox of the same organisation
	ext        map[string]extValue

	content     Content
	body        itemBody
	headers     []Header // x- headers given at creation
	attachments []*attachment
	nextAttach  uint64
	size        int64 // cached store size, 0 unknown
}

// followUp is res/followupflag.
type followUp struct {
	Status                string
	Start, Due, Completed *dateTimeZone
}

// dateTimeZone is res/datetimetimezone.
type dateTimeZone struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

// itemBody is res/itembody.
type itemBody struct {
	html bool
	text string
}

// attachment is an attachment of a message built from properties.
type attachment struct {
	num         uint64
	typ         string // "fileAttachment", "itemAttachment", "referenceAttachment"
	name        string
	contentType string
	contentID   string
	location    string
	inline      bool
	data        []byte
	modified    time.Time
	sourceURL   string // of a referenceAttachment
}

// newMessage makes an item that is in no folder yet.
func (mb *Mailbox) newMessage() *message {
	now := mb.srv.now()
	m := &message{mb: mb, num: mb.number(), created: now, modified: now, received: now, flag: followUp{Status: "notFlagged"},
		inference: "focused"}
	mb.byNum[m.num] = m
	m.newKey()
	return m
}

func (m *message) newKey() {
	m.mb.change++
	m.key = m.mb.change
}

// deliver puts content into f.
func (mb *Mailbox) deliver(f *folder, c Content, o DeliverOptions) *message {
	m := mb.newMessage()
	m.content = c
	if o.Meta != nil {
		meta := *o.Meta // the caller may use it again
		m.meta = &meta
	}
	m.read, m.draft, m.categories = o.Read, o.Draft, o.Categories
	m.failValue, m.odataType = o.FailValue, o.Type
	if o.Flagged {
		m.flag.Status = "flagged"
	}
	if !o.Received.IsZero() {
		m.received = o.Received.UTC()
	}
	if o.Unlisted {
		f.items++
		f.touch(false)
		delete(mb.byNum, m.num)
		return m
	}
	m.put(f)
	return m
}

// put inserts the message into f with a new entry id and article number.
func (m *message) put(f *folder) {
	m.folder = f
	m.entry = m.mb.number()
	m.mb.byEntry[m.entry] = m
	m.article = f.nextArticle
	f.nextArticle++
	m.arrived = m.mb.srv.now()
	i := f.position(m)
	f.msgs = slices.Insert(f.msgs, i, m)
	if !m.read {
		f.unread++
	}
	m.grow(m.storeSize())
	f.touch(false)
	f.note(m, changeAdded)
}

// take removes the message from its folder, leaving it nowhere.
func (m *message) take() {
	f := m.folder
	if i := f.position(m); i < len(f.msgs) && f.msgs[i] == m {
		f.msgs = slices.Delete(f.msgs, i, i+1)
	}
	if !m.read {
		f.unread--
	}
	m.grow(-m.storeSize())
	f.touch(false)
	f.note(m, changeRemoved)
	delete(m.mb.byEntry, m.entry)
	m.folder = nil
}

// position is where m stands or belongs among the messages of f.
func (f *folder) position(m *message) int {
	if n := len(f.msgs); n == 0 || older(f.msgs[n-1], m) < 0 {
		return n
	}
	i, _ := slices.BinarySearchFunc(f.msgs, m, older)
	return i
}

func older(a, b *message) int {
	return cmp.Or(a.received.Compare(b.received), cmp.Compare(a.num, b.num))
}

// moveTo moves the message: the immutable id stays, the default id and the article number are new (§7.5, §7.6).
func (m *message) moveTo(f *folder) {
	m.take()
	m.newKey()
	m.put(f)
}

// copyTo makes a copy with ids of its own.
func (m *message) copyTo(f *folder) *message {
	c := m.mb.newMessage()
	num, key := c.num, c.key
	*c = *m
	c.num, c.key, c.folder = num, key, nil
	c.created, c.modified = m.mb.srv.now(), m.mb.srv.now()
	c.categories = slices.Clone(m.categories)
	c.attachments = slices.Clone(m.attachments)
	c.ext = cloneExt(m.ext)
	if m.meta != nil {
		meta := *m.meta
		c.meta = &meta
	}
	c.put(f)
	return c
}

// remove takes the message out of the mailbox for good (into purges, which no client sees).
func (m *message) remove() {
	if m.folder != nil {
		m.take()
	}
	delete(m.mb.byNum, m.num)
}

// touch notes a change of the message for change keys and deltas.
func (m *message) touch(kind changeKind) {
	now := m.mb.srv.now()
	m.modified = now
	if kind != changeRead { // the recorded service keeps the change key when isRead changes (§19)
		m.newKey()
	}
	if kind == changeContent {
		before := m.storeSize()
		m.size = 0
		m.grow(m.storeSize() - before)
	}
	f := m.folder
	if f == nil {
		return
	}
	if kind == changeContent && m.mb.srv.modes.ArticleOnChange {
		m.article = f.nextArticle
		f.nextArticle++
		m.arrived = now
	}
	f.touch(false)
	f.note(m, kind)
}

// grow keeps the sizes of folder and mailbox.
func (m *message) grow(n int64) {
	if m.folder != nil {
		m.folder.bytes += n
		m.mb.used += n
	}
}

func (m *message) setRead(read bool) {
	if m.read == read {
		return
	}
	m.read = read
	if m.folder != nil {
		if read {
			m.folder.unread--
		} else {
			m.folder.unread++
		}
	}
	m.touch(changeRead)
}

// articleNumber is 0x0e23 as the mode allows it to be seen; 0 means absent.
func (m *message) articleNumber() int {
	switch modes := &m.mb.srv.modes; {
	case modes.Article == ArticleAbsent:
		return 0
	case modes.Article == ArticleLate && m.mb.srv.now().Before(m.arrived.Add(modes.ArticleDelay)):
		return 0
	}
	return m.article
}

// storeSize is PidTagMessageSize: for mail in MIME above its size, for mail from properties roughly their sum (§19).
func (m *message) storeSize() int64 {
	if m.size == 0 {
		if m.content != nil {
			m.size = m.content.Size() + 2000
		} else {
			m.size = int64(len(m.body.text)) + 2200
			for _, a := range m.attachments {
				m.size += int64(len(a.data)) + 400
			}
		}
	}
	return m.size
}

// sent is the Date header, or the time of arrival (§18a).
func (m *message) sent() time.Time {
	if t := m.info().Sent; !t.IsZero() {
		return t.UTC()
	}
	return m.created
}

func (m *message) view() MessageView {
	v := MessageView{
		ID: m.id(true), DefaultID: m.id(false), ChangeKey: changeKey(m.mb.id, m.key), Meta: *m.info(),
		Received: m.received, Read: m.read, Draft: m.draft, Flag: m.flag.Status,
		Categories: slices.Clone(m.categories), Article: m.articleNumber(), Size: m.storeSize(),
	}
	if m.folder != nil {
		v.Folder = m.folder.view()
	}
	if _, inMemory := m.content.(Bytes); inMemory || m.content == nil {
		v.Attachments = len(m.attachmentList())
	}
	if e, ok := m.ext["0x1081"]; ok {
		v.Verb, _ = strconv.Atoi(e.value)
	}
	return v
}
