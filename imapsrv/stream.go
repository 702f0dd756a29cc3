package imapsrv

import (
	"net"
	"sync"
	"time"
)

// piece is how much must arrive within the transfer timeout.
const piece = 32 << 10

// stream is the network side of a connection, below the TLS of STARTTLS. It
// bounds how long a peer may take: until the first octet of a command as long as
// await says, from then on the transfer timeout for each piece; and the write
// timeout for each write. So a peer that sends one octet a minute, or reads
// nothing, does not stay.
type stream struct {
	net.Conn
	transfer time.Duration
	write    time.Duration

	mu          sync.Mutex // guards all below, and the order of deadlines
	waiting     bool       // for the first octet of a command
	deadline    time.Time
	left        int // octets until the deadline moves on
	interrupted bool
}

func newStream(nc net.Conn, transfer, write time.Duration) *stream {
	s := &stream{Conn: nc, transfer: transfer, write: write}
	s.expect()
	return s
}

// await is called before a command is read: it may take d to begin.
func (s *stream) await(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting, s.deadline = true, time.Now().Add(d)
}

// expect is called before something that the peer has to send without delay.
func (s *stream) expect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
}

// begin starts the time for a piece. The caller holds mu.
func (s *stream) begin() {
	s.waiting, s.left = false, piece
	s.deadline = time.Now().Add(s.transfer)
}

// interrupt wakes the reader if it waits for a command, now or later.
func (s *stream) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupted = true
	if s.waiting {
		s.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// stopping reports whether interrupt was called.
func (s *stream) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.interrupted
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	limit := s.deadline
	if s.waiting && s.interrupted {
		limit = time.Unix(1, 0)
	}
	s.Conn.SetReadDeadline(limit)
	s.mu.Unlock()

	n, err := s.Conn.Read(p)

	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 {
		if s.left -= n; s.waiting || s.left <= 0 {
			s.begin()
		}
	}
	return n, err
}

func (s *stream) Write(p []byte) (int, error) {
	s.Conn.SetWriteDeadline(time.Now().Add(s.write))
	return s.Conn.Write(p)
}
