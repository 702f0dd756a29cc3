package status

import (
	"net"
	"sync"
	"sync/atomic"
)

// maxConnections is how many may be open on an address: a browser and a few collectors
// need some, and mail programs need the process's descriptors.
const maxConnections = 64

// bounded hangs up on connections beyond maxConnections.
type bounded struct {
	net.Listener
	open atomic.Int32
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.open.Add(1) <= maxConnections {
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { b.open.Add(-1) })}, nil
		}
		b.open.Add(-1)
		_ = conn.Close()
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn; it may be called several times.
func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
