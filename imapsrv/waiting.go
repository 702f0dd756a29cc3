package imapsrv

import (
	"net"
	"sync"
)

// waiting counts the connections of each address that have not logged in: one host
// that opens many and says nothing must not take the room of all others. Addresses of
// this host are not counted, as all its programs share them.
type waiting struct {
	limit int

	mu sync.Mutex // guards by
	by map[string]int
}

// enter counts one more, unless there are too many. leave, which may be called several
// times, takes it back; it is nil if there are.
func (w *waiting) enter(remote net.Addr) (leave func(), ok bool) {
	tcp, counted := remote.(*net.TCPAddr)
	if !counted || tcp.IP.IsLoopback() {
		return func() {}, true
	}
	host := tcp.IP.String()
	if ip := tcp.IP.To16(); tcp.IP.To4() == nil && ip != nil {
		host = ip.Mask(net.CIDRMask(64, 128)).String() // one host has as many addresses as it likes
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[host] >= w.limit {
		return nil, false
	}
	if w.by == nil {
		w.by = map[string]int{}
	}
	w.by[host]++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.by[host]--; w.by[host] == 0 {
			delete(w.by, host)
		}
	}), true
}
