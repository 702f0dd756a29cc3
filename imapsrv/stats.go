package imapsrv

import (
	"maps"
	"sync"

	"mail2graph/imapsrv/wire"
)

// Stats are figures of a Server, of its connections on all listeners.
type Stats struct {
	Connections int             // open now
	Accepted    uint64          // since the start
	TurnedAway  uint64          // because there were too many
	Sessions    map[string]int  // open connections by login
	Commands    map[Done]uint64 // answered since the start
}

// Done is a kind of answered command.
type Done struct {
	Command string // "FETCH", also for UID FETCH; "other" for what is no command
	Result  string // "OK", "NO", "BAD"
}

// Stats returns the present figures.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	out := Stats{Connections: s.live - s.quiet, Accepted: s.last - s.away - s.hushed, TurnedAway: s.away, Sessions: maps.Clone(s.logins)}
	s.mu.Unlock()
	s.done.mu.Lock()
	defer s.done.mu.Unlock()
	out.Commands = maps.Clone(s.done.n)
	return out
}

// doneCount counts answers.
type doneCount struct {
	mu sync.Mutex // guards n
	n  map[Done]uint64
}

// noteAnswer counts an answer to a command; anything but the server's own commands is
// one kind.
func (c *conn) noteAnswer(command string, cond wire.Condition) {
	s := c.srv
	if s.opts.Uncounted(c.remote) {
		return
	}
	if !s.known(command) {
		command = "other"
	}
	if cond == answered {
		cond = wire.OK
	}
	s.done.mu.Lock()
	defer s.done.mu.Unlock()
	s.done.n[Done{command, string(cond)}]++
}
