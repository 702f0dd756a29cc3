package outbox

import (
	"container/heap"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

var (
	// ErrInUse: another process uses the spool.
	ErrInUse = errors.New("outbox is in use")
	// ErrNoSpace: the disk is full, or will be before long.
	ErrNoSpace = errors.New("no space for the outbox")
	// ErrNoInodes is an ErrNoSpace: the disk has room, and can take no further file.
	ErrNoInodes = fmt.Errorf("%w: the disk has no inodes left", ErrNoSpace)
	// ErrUnknown: there is no message of that id.
	ErrUnknown = errors.New("no such message in the outbox")
	// ErrBusy: the message is being sent at this moment.
	ErrBusy = errors.New("message is being sent")
)

// InodesCure is what an operator can do about ErrNoInodes.
const InodesCure = "remove files from that disk, or give [cache] a smaller max_size, which keeps fewer of them"

// DefaultReserve is the room on the disk that messages must leave.
const DefaultReserve = 64 << 20

// LowSpace is the room on the disk below which an operator should make some.
const LowSpace = 1 << 30

// Options are the operator's choices.
type Options struct {
	Logger *slog.Logger // nil: none
	// Reserve is the free space, in octets, below which Put refuses: the records of
	// what is there already can still be written. 0: DefaultReserve.
	Reserve int64
	// FreeSpace replaces the file system's answer, for tests.
	FreeSpace func(dir string) (int64, error)
	// Wait is how long Open waits for another process to give up the lock: an
	// operator's order holds it for a moment.
	Wait      time.Duration
	OrderPoll time.Duration // how often ServeOrders looks for orders; 0: a second
}

// Spool is an open outbox. Its methods may be called concurrently.
type Spool struct {
	dir  string
	o    Options
	log  *slog.Logger
	lock io.Closer

	mu      sync.Mutex // guards the fields below
	items   map[string]*item
	boxes   map[string]*box
	writing int64 // octets that Puts under way have still to write
	closed  bool
}

// item is what is kept in memory of a message.
type item struct {
	id    string
	box   *box
	next  time.Time
	state State
	at    int // index in box.due; -1: not in it
}

// box is what waits for one mailbox.
type box struct {
	due  dueHeap // of the deferred and the doomed
	wake chan struct{}
}

// Open locks the outbox in dir, which it makes if it is missing, and finds what
// is in it. ErrInUse: another process has it.
func Open(dir string, o Options) (*Spool, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.OrderPoll == 0 {
		o.OrderPoll = time.Second
	}
	if o.FreeSpace == nil {
		o.FreeSpace = FreeSpace
	}
	s := &Spool{dir: dir, o: o, log: o.Logger, items: map[string]*item{}, boxes: map[string]*box{}}
	for _, d := range []string{dirIncoming, dirQueue, dirCorrupt, dirControl} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return nil, fmt.Errorf("open outbox: %w", err)
		}
	}
	lock, err := acquire(s.path("lock"))
	for end := time.Now().Add(o.Wait); errors.Is(err, ErrInUse) && time.Now().Before(end); {
		<-time.After(50 * time.Millisecond)
		lock, err = acquire(s.path("lock"))
	}
	if err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	s.lock = lock
	if err := errors.Join(adopt(dir, s.path("lock")), s.recover()); err != nil {
		return nil, errors.Join(fmt.Errorf("open outbox: %w", err), lock.Close())
	}
	return s, nil
}

// Close gives up the lock. Nothing of the spool may be used any more.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.lock.Close()
}

// The directories of a spool and the endings of its files.
const (
	dirIncoming = "incoming"
	dirQueue    = "queue"
	dirCorrupt  = "corrupt"
	dirControl  = "control"

	extMessage = ".msg"
	extRecord  = ".env"
	extGone    = ".gone"
)

func (s *Spool) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// Len returns how many messages are in the spool.
func (s *Spool) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

// Standing returns how many messages of a mailbox are in each state, and when the
// oldest of them was put in; the zero time if there is none.
func (s *Spool) Standing(mailbox string) (counts map[State]int, oldest time.Time) {
	mailbox = strings.ToLower(mailbox)
	s.mu.Lock()
	defer s.mu.Unlock()
	counts = map[State]int{}
	b := s.boxes[mailbox]
	for _, it := range s.items {
		if it.box != b || b == nil {
			continue
		}
		counts[it.state]++
		if at := idTime(it.id); oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return counts, oldest
}

// Mailboxes returns the mailboxes that messages wait for.
func (s *Spool) Mailboxes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[*box]bool{}
	for _, it := range s.items {
		used[it.box] = true
	}
	var out []string
	for name, b := range s.boxes {
		if used[b] {
			out = append(out, name)
		}
	}
	return out
}

// Wake returns the channel that receives a value when something of a mailbox may
// have become due.
func (s *Spool) Wake(mailbox string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.box(mailbox).wake
}

// box returns the queue of a mailbox. The caller holds mu.
func (s *Spool) box(mailbox string) *box {
	b := s.boxes[mailbox]
	if b == nil {
		b = &box{wake: make(chan struct{}, 1)}
		s.boxes[mailbox] = b
	}
	return b
}

// place enters an item's state and time into the order of its mailbox. The
// caller holds mu.
func (s *Spool) place(it *item, state State, next time.Time) {
	it.state, it.next = state, next
	if it.at >= 0 {
		heap.Remove(&it.box.due, it.at)
	}
	if state == Deferred || state == Doomed {
		heap.Push(&it.box.due, it)
		select {
		case it.box.wake <- struct{}{}:
		default:
		}
	}
}

// forget drops an item. The caller holds mu.
func (s *Spool) forget(it *item) {
	if it.at >= 0 {
		heap.Remove(&it.box.due, it.at)
	}
	delete(s.items, it.id)
}

// dueHeap has the message on top that is due first.
type dueHeap []*item

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	if !h[i].next.Equal(h[j].next) {
		return h[i].next.Before(h[j].next)
	}
	return h[i].id < h[j].id
}

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) {
	it := x.(*item)
	it.at = len(*h)
	*h = append(*h, it)
}

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	it.at = -1
	return it
}

var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// newID makes an id that sorts by time: milliseconds, then chance.
func newID(now time.Time) string {
	var b [10]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:])
	return idEncoding.EncodeToString(b[:])
}

// idTime is the time in an id of newID, to the millisecond.
func idTime(id string) time.Time {
	b, err := idEncoding.DecodeString(id)
	if err != nil || len(b) != 10 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8]) >> 16))
}

// validID keeps what comes from outside from becoming a path.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
