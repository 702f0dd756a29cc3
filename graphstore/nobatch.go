package graphstore

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"mail2graph/bridge"
)

// abilityPause is how long a service is not asked again for what it lacks: what
// refused it may have been something on the way.
const abilityPause = time.Hour

// ability is what a Client knows of something that every Graph has, $batch
// (graph/json-batching) or delta (api/message-delta). What stands in for a Graph, or
// lets through only some paths of one, may not have it.
type ability struct {
	mu    sync.Mutex // guards the rest
	until time.Time  // refused: not before
	told  bool
}

func (a *ability) due() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !time.Now().Before(a.until)
}

// refused notes a refusal and reports whether it is the first. One that is not certain
// is no reason not to ask again.
func (a *ability) refused(certainly bool) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if certainly {
		a.until = time.Now().Add(abilityPause)
	}
	first, a.told = !a.told, true
	return first
}

// lacksBatch reports whether a batch was refused as a whole, before any step of it:
// for certain, where the path or method is unknown, or perhaps, where 400 or 403 may
// be meant for one step in it.
func lacksBatch(err error) (maybe, certainly bool) {
	var e *Error
	if !errors.As(err, &e) || e.uncertain || e.throttled {
		return false, false
	}
	switch e.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true, true
	case http.StatusBadRequest, http.StatusForbidden, http.StatusUnsupportedMediaType:
		return true, false
	}
	return false, false
}

// noBatch remembers that there is no $batch.
func (s *Store) noBatch(ctx context.Context, err error) {
	if s.c.batching.refused(true) {
		s.log.WarnContext(ctx, "graph has no $batch, every change is a request of its own", "error", err)
	}
}

// oneByOne sends the calls of a batch alone, as many at a time as a mailbox takes.
// worked tells whether the service carried out any.
func (s *Store) oneByOne(ctx context.Context, calls []*call, part []int, out []outcome) (worked bool) {
	next := make(chan int, len(part))
	for _, i := range part {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards missing and worked
	var missing error
	for range mailboxSlots {
		wg.Go(func() {
			for i := range next {
				mu.Lock()
				known := missing
				mu.Unlock()
				if known != nil { // what is true of the mailbox is true of every step
					out[i] = outcome{err: known}
					continue
				}
				r, err := s.send(ctx, calls[i])
				out[i] = outcome{r, err}
				mu.Lock()
				if errors.Is(err, bridge.ErrNoMailbox) {
					missing = err
				}
				worked = worked || err == nil
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return worked
}
