package graphsim

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// RequestCheck judges one Graph request before it is carried out. path is below the version, escaped as sent
// ("/users/a%40b.example/messages"); body is decompressed. Steps of a $batch are checked one by one.
type RequestCheck func(method, path string, query url.Values, header http.Header, body []byte) error

// Options are the settings of a Server; the zero value is the service with its documented limits.
type Options struct {
	// Now is the clock of everything the simulator dates or expires. Nil means time.Now.
	Now func() time.Time
	// Seed makes ids, orders and probabilities repeatable; two servers with the same seed and history are alike.
	Seed uint64
	// Modes are the ways in which the service has been seen to behave differently at different times.
	Modes Modes
	// Limits are the throttling limits; zero fields mean the documented values.
	Limits Limits
	// Check, when set, judges every Graph request; what it finds is kept in Server.Violations.
	Check RequestCheck
	// Open lets requests in without a token, for looking around by hand.
	Open bool
	// LogSize bounds the request log; the oldest entries go first. Zero means 200,000.
	LogSize int
	// Logger receives one line per request at debug level. Nil means silence.
	Logger *slog.Logger
}

// Server is the simulated service: one cloud with its tenants, apps and mailboxes.
type Server struct {
	opts Options
	key  []byte // signs access tokens and upload URLs

	// mu guards everything below and all state of the mailboxes.
	mu         sync.Mutex
	modes      Modes
	limits     Limits
	check      RequestCheck
	rng        *rand.Rand
	apps       map[string]*app     // tenant + " " + client id, lower case
	tenants    map[string]bool     // lower case
	mailboxes  map[string]*Mailbox // by address and by id, lower case
	order      []*Mailbox          // as added
	assertions map[string]bool     // jti values seen
	signIns    signIns
	faults     []*fault
	faultID    int
	log        requestLog
	throttle   throttle
	walks      walkCache
	uploads    map[string]*uploadSession
	pending    []pendingTask
	deliveries []Delivery
	bounces    map[string]bool
	control    http.Handler
	uploadBase string // base URL of the upload host; empty means that of the request
}

// New returns a server without apps and mailboxes.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LogSize == 0 {
		o.LogSize = 200_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x6d61696c))
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(rng.Uint32())
	}
	s := &Server{
		opts: o, key: key, modes: o.Modes, limits: o.Limits, check: o.Check, rng: rng,
		apps: map[string]*app{}, tenants: map[string]bool{}, mailboxes: map[string]*Mailbox{},
		assertions: map[string]bool{}, uploads: map[string]*uploadSession{}, bounces: map[string]bool{},
		signIns: signIns{users: map[string]*user{}, codes: map[string]*signInCode{}, refresh: map[string]*refreshToken{}},
	}
	s.log.limit = o.LogSize
	s.control = s.controlHandler()
	return s
}

// SetModes replaces the modes from the next request on.
func (s *Server) SetModes(m Modes) { s.mu.Lock(); defer s.mu.Unlock(); s.modes = m }

// Modes returns the modes in force, to change some of them.
func (s *Server) Modes() Modes { s.mu.Lock(); defer s.mu.Unlock(); return s.modes }

// Limits returns the limits in force.
func (s *Server) Limits() Limits { s.mu.Lock(); defer s.mu.Unlock(); return s.limits }

// SetLimits replaces the limits from the next request on; what was counted so far stays counted.
func (s *Server) SetLimits(l Limits) { s.mu.Lock(); defer s.mu.Unlock(); s.limits = l }

// SetCheck replaces the judge of requests; nil switches it off.
func (s *Server) SetCheck(c RequestCheck) { s.mu.Lock(); defer s.mu.Unlock(); s.check = c }

// now is the simulator's time in UTC.
func (s *Server) now() time.Time { return s.opts.Now().UTC() }

// guid returns a new random GUID in lower case. The caller holds mu.
func (s *Server) guid() string {
	const hex = "0123456789abcdef"
	b := []byte("xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx")
	for i, c := range b {
		if c == 'x' {
			b[i] = hex[s.rng.IntN(16)]
		}
	}
	return string(b)
}
