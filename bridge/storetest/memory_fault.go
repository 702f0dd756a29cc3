package storetest

import (
	"context"
	"sync"
)

// Method names a method of bridge.Store.
type Method string

// The methods of bridge.Store.
const (
	Folders      Method = "Folders"
	CreateFolder Method = "CreateFolder"
	RenameFolder Method = "RenameFolder"
	MoveFolder   Method = "MoveFolder"
	DeleteFolder Method = "DeleteFolder"
	List         Method = "List"
	Delta        Method = "Delta"
	Messages     Method = "Messages"
	MIME         Method = "MIME"
	Headers      Method = "Headers"
	ListHeaders  Method = "ListHeaders"
	FindText     Method = "FindText"
	SetFlags     Method = "SetFlags"
	Move         Method = "Move"
	Copy         Method = "Copy"
	Delete       Method = "Delete"
	Append       Method = "Append"
	CreateDraft  Method = "CreateDraft"
	SendDraft    Method = "SendDraft"
	DraftState   Method = "DraftState"
	Marked       Method = "Marked"
	Usage        Method = "Usage" // of bridge.UsageTeller
)

// Fault is how a call fails.
type Fault struct {
	// Err is what the caller gets: as the call's error, or the error of each
	// message for SetFlags, Move, Copy and Delete.
	Err error
	// After says how much is done before the failure: pages of List and Delta,
	// octets of MIME, messages of SetFlags, Move, Copy and Delete. Other
	// methods know only 0: nothing is done.
	After int
	// Late means that all is done, and only the answer is lost.
	Late bool
}

type hold struct {
	arrived chan struct{}
	release chan struct{}
}

// Fail makes the next n calls of a method fail before they do anything.
func (m *Memory) Fail(method Method, n int, err error) {
	for range n {
		m.Inject(method, Fault{Err: err})
	}
}

// Inject makes the next call of a method fail; several Injects make several
// calls fail, one after another.
func (m *Memory) Inject(method Method, f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults[method] = append(m.faults[method], f)
}

// Hold makes the calls of a method wait, before they do anything, until release
// is called or their context ends. arrived receives a value for each call that
// waits, as far as somebody takes it (64 are kept).
func (m *Memory) Hold(method Method) (arrived <-chan struct{}, release func()) {
	h := &hold{arrived: make(chan struct{}, 64), release: make(chan struct{})}
	m.mu.Lock()
	m.holds[method] = h
	m.mu.Unlock()
	return h.arrived, sync.OnceFunc(func() {
		m.mu.Lock()
		if m.holds[method] == h {
			delete(m.holds, method)
		}
		m.mu.Unlock()
		close(h.release)
	})
}

// Calls returns how often a method was called, failed calls included.
func (m *Memory) Calls(method Method) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

// AllCalls returns the number of calls of all methods together: what a bridge
// asks of the service.
func (m *Memory) AllCalls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := 0
	for _, n := range m.calls {
		sum += n
	}
	return sum
}

// ResetCalls sets all counts to 0.
func (m *Memory) ResetCalls() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.calls)
}

// enter counts a call, waits if its method is held, and returns the fault that
// was injected for it; nil for none. An error ends the call at once.
func (m *Memory) enter(ctx context.Context, method Method) (*Fault, error) {
	m.mu.Lock()
	m.calls[method]++
	var fault *Fault
	if q := m.faults[method]; len(q) > 0 {
		fault = &q[0]
		m.faults[method] = q[1:]
	}
	h := m.holds[method]
	m.mu.Unlock()

	if h != nil {
		select {
		case h.arrived <- struct{}{}:
		default:
		}
		select {
		case <-h.release:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return fault, nil
}

// begin is enter for methods that do all or nothing: late is to be returned
// after the work was done.
func (m *Memory) begin(ctx context.Context, method Method) (late, err error) {
	fault, err := m.enter(ctx, method)
	switch {
	case err != nil:
		return nil, err
	case fault == nil:
		return nil, nil
	case fault.Late:
		return lostAnswer{fault.Err}, nil
	}
	return nil, fault.Err
}

// lostAnswer is the error of a call that was carried out.
type lostAnswer struct{ error }

func (e lostAnswer) Unwrap() error { return e.error }

// Uncertain is what bridge.Sender asks of such errors.
func (lostAnswer) Uncertain() bool { return true }

// at reports whether a piecewise call fails at piece i.
func (f *Fault) at(i int) bool { return f != nil && !f.Late && i >= f.After }

// end is the error of a call whose pieces are all done: a fault set behind the
// last piece strikes as well.
func (f *Fault) end() error {
	if f == nil {
		return nil
	}
	return f.Err
}
