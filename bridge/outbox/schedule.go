package outbox

import (
	"math/rand/v2"
	"time"
)

// The pause after a failed attempt: firstPause, half as long again each time, up
// to maxPause.
const (
	firstPause = 5 * time.Minute
	maxPause   = time.Hour
)

// Pause returns how long a message waits after its n-th attempt failed (1 is the
// first): 5 minutes growing to an hour, a tenth more or less by chance, so that
// what failed together does not come back together.
func Pause(n int) time.Duration {
	d := firstPause
	for i := 1; i < n && d < maxPause; i++ {
		d += d / 2
	}
	d = min(d, maxPause)
	return d - d/10 + rand.N(d/5)
}
