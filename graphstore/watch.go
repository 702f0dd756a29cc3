package graphstore

import "time"

// Load is how much of what Graph allows a mailbox is in use.
type Load struct {
	Slots     int           // requests that may be in flight
	Busy      int           // of them; a stream may count as several
	Waiting   int           // requests that wait for a slot, a pause or the budget
	Paused    time.Duration // left of the pause that the service asked for
	Throttles int64         // answers 429 and 503 since the start, those inside a batch too
	Refusal   error         // the last of them; nil: none
	Spent     int           // requests in the last ten minutes, as the service counts them
	Budget    int           // what it allows in that time
}

// Load returns the present figures. Those of the app-wide limit are not in it.
func (s *Store) Load() Load { return s.sched.load(time.Now()) }

func (s *scheduler) load(now time.Time) Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent.expire(now)
	return Load{
		Slots: s.slots, Busy: s.busy, Waiting: len(s.queue[0]) + len(s.queue[1]),
		Paused: max(0, s.paused.Sub(now)), Throttles: s.throttles, Refusal: s.lastErr,
		Spent: s.spent.sum, Budget: serviceBudget,
	}
}

// TokenState is how things stand between an app, or a user, and the login service.
type TokenState struct {
	Expires   time.Time // of the present token; zero: none was fetched
	Refused   error     // why the last fetch failed for good; nil: it did not
	SignInDue bool      // Refused, and a user has to sign in again
	Cure      string    // what to do about Refused
}

// Token returns the present state; it makes no request.
func (c *Client) Token() TokenState {
	s := c.tokens
	s.mu.Lock()
	defer s.mu.Unlock()
	t := TokenState{Expires: s.token.ExpiresOn, Refused: s.refused, SignInDue: SignInDue(s.refused)}
	switch {
	case t.SignInDue:
		t.Cure = s.credential.hint
	case t.Refused != nil:
		t.Cure = cure(s.refused)
	case s.useless:
		t.Refused, t.Cure = errUseless, uselessCure
	}
	return t
}
