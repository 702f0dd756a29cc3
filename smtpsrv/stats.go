package smtpsrv

import (
	"maps"
	"strings"
	"sync"
)

// Stats are figures of a Server, of its connections on all listeners.
type Stats struct {
	Connections int              // open now
	Accepted    uint64           // since the start
	TurnedAway  uint64           // because there were too many
	Sessions    map[string]int   // open connections by login
	Replies     map[Reply]uint64 // since the start
}

// Reply is a kind of reply to a command.
type Reply struct {
	Command string // "RCPT"; "other" for what is no command
	Class   string // "2xx"; DATA and AUTH have a "3xx" besides
}

// Described is what an Account may tell of itself.
type Described interface {
	LoginName() string // for figures, instead of the user name
	Traced() bool      // its conversation is logged whatever the level is
}

// figures are Stats that are being counted.
type figures struct {
	mu sync.Mutex // guards the rest
	Stats
}

// Stats returns the present figures.
func (s *Server) Stats() Stats {
	s.figures.mu.Lock()
	defer s.figures.mu.Unlock()
	out := s.figures.Stats
	out.Connections = len(s.slots)
	out.Sessions, out.Replies = maps.Clone(out.Sessions), maps.Clone(out.Replies)
	return out
}

func (f *figures) accepted(room bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if room {
		f.Accepted++
	} else {
		f.TurnedAway++
	}
}

// session counts a login with n = 1 and its end with n = -1.
func (f *figures) session(name string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Sessions == nil {
		f.Sessions = map[string]int{}
	}
	if f.Sessions[name] += n; f.Sessions[name] == 0 {
		delete(f.Sessions, name)
	}
}

// verbs are the commands that are counted by name.
var verbs = map[string]bool{
	"EHLO": true, "HELO": true, "AUTH": true, "STARTTLS": true, "MAIL": true, "RCPT": true, "DATA": true, "BDAT": true,
	"RSET": true, "NOOP": true, "VRFY": true, "QUIT": true,
}

// reply notes the last line of a reply to verb; "" is the greeting.
func (f *figures) reply(verb, line string) {
	if verb == "" || len(line) < 3 || len(line) > 3 && line[3] == '-' || strings.Trim(line[:3], "0123456789") != "" {
		return
	}
	if !verbs[verb] {
		verb = "other"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Replies == nil {
		f.Replies = map[Reply]uint64{}
	}
	f.Replies[Reply{verb, line[:1] + "xx"}]++
}
