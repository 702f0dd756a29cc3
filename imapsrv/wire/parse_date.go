package wire

import (
	"strings"
	"time"
)

const monthNames = "janfebmaraprmayjunjulaugsepoctnovdec"

// parseDate parses date-text, "1-Feb-1994", with one or two digits of the day
// or a space before one. The rest of s is returned.
func parseDate(s string) (y int, m time.Month, d int, rest string, ok bool) {
	s = strings.TrimPrefix(s, " ")
	d, s, ok = digits(s, 1, 2)
	if !ok || len(s) < len("-Feb-1994") || s[0] != '-' || s[4] != '-' {
		return 0, 0, 0, "", false
	}
	i := strings.Index(monthNames, strings.ToLower(s[1:4]))
	y, rest, ok = digits(s[5:], 4, 4)
	if i < 0 || i%3 != 0 || !ok {
		return 0, 0, 0, "", false
	}
	m = time.Month(i/3 + 1)
	ok = d >= 1 && time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Day() == d
	return y, m, d, rest, ok
}

// digits takes a number of at least low and at most high digits off s.
func digits(s string, low, high int) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < high && isDigit(s[i]) {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i >= low
}

// parseDateTime parses what stands between the quotes of date-time,
// " 1-Feb-1994 21:52:25 -0800" (RFC 3501 §9).
func parseDateTime(s string) (time.Time, bool) {
	year, month, day, rest, ok := parseDate(s)
	const form = " 21:52:25 -0800"
	if !ok || len(rest) != len(form) {
		return time.Time{}, false
	}
	var n [5]int // hour, minute, second, zone hours, zone minutes
	for i, at := range [...]int{1, 4, 7, 11, 13} {
		if n[i], _, ok = digits(rest[at:], 2, 2); !ok {
			return time.Time{}, false
		}
	}
	sign := rest[10]
	if rest[0] != ' ' || rest[3] != ':' || rest[6] != ':' || rest[9] != ' ' || sign != '+' && sign != '-' {
		return time.Time{}, false
	}
	if n[0] > 23 || n[1] > 59 || n[2] > 60 || n[3] > 23 || n[4] > 59 { // 60: leap second
		return time.Time{}, false
	}
	offset := (n[3]*60 + n[4]) * 60
	if sign == '-' {
		offset = -offset
	}
	zone := time.UTC
	if offset != 0 {
		zone = time.FixedZone("", offset)
	}
	return time.Date(year, month, day, n[0], n[1], n[2], 0, zone), true
}

// date takes date-text, quoted or not, as midnight UTC.
func (r *Reader) date() time.Time {
	y, m, d, rest, ok := parseDate(r.astring())
	if !ok || rest != "" {
		r.fail("Invalid date")
		return time.Time{}
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dateTime takes a quoted date-time.
func (r *Reader) dateTime() time.Time {
	t, ok := parseDateTime(r.quoted())
	if !ok {
		r.fail("Invalid date-time")
	}
	return t
}
