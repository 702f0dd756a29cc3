package graphsim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is what kind of address a mailbox is (§2.3).
type State int

const (
	StateOK         State = iota
	StateInvalid          // no such user in Exchange, no licence, still being created: 404 ErrorInvalidUser
	StateOnPremises       // on-premises, inactive or soft-deleted: 404 MailboxNotEnabledForRESTAPI
)

// MailboxOptions describe a mailbox to add; the zero value is an empty English mailbox named like its address.
type MailboxOptions struct {
	DisplayName string
	// Locale gives the names of default folders their language: "en", "de", "fr", "es", "it", "nl".
	Locale string
	// Aliases are further addresses of the mailbox; mail to them arrives here.
	Aliases []string
	// SendAs are the addresses it may use as From besides its own; "*" allows any.
	SendAs []string
	// State other than StateOK makes every request fail.
	State State
	// NoArchive leaves the one-click archive folder out, as in a fresh mailbox (§4.2).
	NoArchive bool
}

// Mailbox is one simulated mailbox. Its methods act at once, as Outlook, a rule or the transport would, past all
// limits and permissions; clients learn of it through Graph.
type Mailbox struct {
	srv     *Server
	opts    MailboxOptions
	address string
	id      string // GUID of the user

	// The rest is guarded by srv.mu.
	state   State
	root    *folder
	known   map[string]*folder  // by well-known name
	folders map[uint64]*folder  // by number
	byNum   map[uint64]*message // by the number in immutable ids
	byEntry map[uint64]*message // by the number in default ids
	nextNum uint64
	change  uint64 // last change of the mailbox, orders all delta logs
	gone    []folderGone
	foldGen int // generation of the folder delta
	used    int64
	sends   []time.Time // of the last minute
	all     []*message  // of the visible folders, newest first, as of change allAt
	allAt   uint64
}

// AddMailbox adds a mailbox with its default folders, or returns an error when the address is taken.
func (s *Server) AddMailbox(address string, o MailboxOptions) (*Mailbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append([]string{address}, o.Aliases...)
	for _, a := range all {
		if s.mailboxes[strings.ToLower(a)] != nil {
			return nil, fmt.Errorf("mailbox %s exists", a)
		}
	}
	if o.DisplayName == "" {
		o.DisplayName, _, _ = strings.Cut(address, "@")
	}
	mb := &Mailbox{
		srv: s, opts: o, address: address, id: s.guid(), state: o.State,
		known: map[string]*folder{}, folders: map[uint64]*folder{},
		byNum: map[uint64]*message{}, byEntry: map[uint64]*message{}, nextNum: 1,
	}
	mb.addDefaultFolders()
	for _, a := range append(all, mb.id) {
		s.mailboxes[strings.ToLower(a)] = mb
	}
	s.order = append(s.order, mb)
	return mb, nil
}

// Mailbox returns the mailbox of an address, an alias or an id, or nil.
func (s *Server) Mailbox(address string) *Mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mailboxes[strings.ToLower(address)]
}

// Mailboxes returns all mailboxes in the order in which they were added.
func (s *Server) Mailboxes() []*Mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

// Address is the primary address.
func (mb *Mailbox) Address() string { return mb.address }

// ID is the GUID of the user.
func (mb *Mailbox) ID() string { return mb.id }

// Server is where the mailbox lives.
func (mb *Mailbox) Server() *Server { return mb.srv }

// SetState changes what kind of mailbox this is, for instance StateInvalid while it is "being created".
func (mb *Mailbox) SetState(st State) { mb.srv.mu.Lock(); defer mb.srv.mu.Unlock(); mb.state = st }

// number returns the next number for a folder, a message or an entry id. The caller holds srv.mu.
func (mb *Mailbox) number() uint64 {
	n := mb.nextNum
	mb.nextNum++
	return n
}
