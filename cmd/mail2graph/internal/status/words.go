package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ago writes a time span as people say it: "40 s", "12 min", "3 h", "5 days".
func ago(d time.Duration) string {
	switch d = max(0, d); {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// count is "1 message", "12,000 messages", "2 addresses".
func count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "s"):
		what += "es"
	default:
		what += "s"
	}
	return grouped(float64(n)) + " " + what
}

// grouped writes a number with its thousands apart.
func grouped(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// octets writes a size: "312 MB".
func octets(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, e := float64(n)/unit, 0
	for v >= unit && e < 3 {
		v /= unit
		e++
	}
	return fmt.Sprintf("%.3g %cB", v, "kMGT"[e])
}
