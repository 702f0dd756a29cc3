package bridge

import (
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// zones are those of RFC 822 §5.1 that RFC 5322 §4.3 still gives a meaning.
var zones = strings.NewReplacer(" EST", " -0500", " EDT", " -0400", " CST", " -0600", " CDT", " -0500",
	" MST", " -0700", " MDT", " -0600", " PST", " -0800", " PDT", " -0700")

// brokenDate is a date whose time or zone is not as it should be.
var brokenDate = regexp.MustCompile(`(?i)\b(\d{1,2})[ -](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -](\d{2,4})(?: +(\d{1,2}):(\d{2})(?::(\d{2}))?)?`)

// parseDate reads a Date field. An invalid zone is UTC, an invalid time midnight
// (RFC 5256 §2.2).
func parseDate(field string) (time.Time, bool) {
	if field == "" {
		return time.Time{}, false
	}
	if clock, offset, ok := plainDate(field); ok {
		return clock.Add(-offset), true
	}
	t, ok := oddDate(field)
	return t.UTC(), ok
}

// aroundColon is the white space that RFC 5322 §4.3 allows in a time.
var aroundColon = regexp.MustCompile(`\s*:\s*`)

// oddDate is parseDate for all that plainDate does not read, and in its own zone.
func oddDate(field string) (time.Time, bool) {
	if t, err := mail.ParseDate(zones.Replace(field)); err == nil {
		return t, true
	}
	field = strings.Join(strings.Fields(withoutComments(field)), " ")
	field = aroundColon.ReplaceAllString(field, ":")
	if t, err := mail.ParseDate(zones.Replace(field)); err == nil {
		return t, true
	}
	m := brokenDate.FindStringSubmatch(field)
	if m == nil {
		return time.Time{}, false
	}
	month, err := time.Parse("Jan", strings.ToUpper(m[2][:1])+strings.ToLower(m[2][1:]))
	day, year := atoi(m[1]), atoi(m[3])
	switch { // RFC 5322 §4.3
	case year < 50:
		year += 2000
	case year < 1000:
		year += 1900
	}
	if err != nil || day < 1 || day > 31 {
		return time.Time{}, false
	}
	h, min, s := atoi(m[4]), atoi(m[5]), atoi(m[6])
	if h > 23 || min > 59 || s > 60 {
		h, min, s = 0, 0, 0
	}
	return time.Date(year, month.Month(), day, h, min, s, 0, time.UTC), true
}

// withoutComments makes each comment (RFC 5322 §3.2.2) a space; one without an end is
// the rest.
func withoutComments(s string) string {
	var b strings.Builder
	depth := 0
	for _, ch := range s {
		switch {
		case ch == '(':
			depth++
			b.WriteByte(' ')
		case ch == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteRune(ch)
		}
	}
	return b.String()
}

// plainDate reads the form that nearly all mail has, "Mon, 2 Mar 2026 10:00:00 +0100",
// perhaps without the day of the week or with the zone's name after it in parentheses:
// what the clock showed, as if in UTC, and how far its zone is ahead of UTC. Of all
// else it reports false: the general readers take fifty times as long.
func plainDate(field string) (clock time.Time, offset time.Duration, ok bool) {
	s := field
	if len(s) > 5 && s[3] == ',' && s[4] == ' ' {
		if !isName(weekdays, s[:3]) {
			return clock, 0, false
		}
		s = s[5:]
	}
	width := strings.IndexByte(s, ' ')
	if width != 1 && width != 2 {
		return clock, 0, false
	}
	day, dayOK := digits(s[:width])
	s = s[width+1:]
	if len(s) < len(plainForm) {
		return clock, 0, false
	}
	name := s[:3]
	s, rest := s[:len(plainForm)], s[len(plainForm):]
	for i := 3; i < len(plainForm); i++ {
		if c := plainForm[i]; c != '0' && c != '+' && c != s[i] {
			return clock, 0, false
		}
	}
	year, yearOK := digits(s[4:8])
	hour, hourOK := digits(s[9:11])
	minute, minuteOK := digits(s[12:14])
	second, secondOK := digits(s[15:17])
	zoneHour, zoneHourOK := digits(s[19:21])
	zoneMinute, zoneMinuteOK := digits(s[21:23])
	sign := s[18]
	switch {
	case !dayOK || !yearOK || !hourOK || !minuteOK || !secondOK || !zoneHourOK || !zoneMinuteOK,
		!isName(months, name), sign != '+' && sign != '-', !isZoneName(rest),
		hour > 23, minute > 59, second > 59, zoneHour > 14, zoneMinute > 59:
		return clock, 0, false
	}
	month := time.Month(strings.Index(months, name)/3 + 1)
	clock = time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	offset = time.Duration(zoneHour)*time.Hour + time.Duration(zoneMinute)*time.Minute
	if sign == '-' {
		offset = -offset
	}
	return clock, offset, clock.Day() == day // there are no 30th of February and no 0th
}

const (
	plainForm = "Mmm 0000 00:00:00 +0000"
	months    = "JanFebMarAprMayJunJulAugSepOctNovDec"
	weekdays  = "MonTueWedThuFriSatSun"
)

// isName reports whether a name of three letters is in a row of them.
func isName(row, name string) bool {
	i := strings.Index(row, name)
	return i >= 0 && i%3 == 0
}

// isZoneName reports whether what follows a date is nothing or " (CET)".
func isZoneName(s string) bool {
	if s == "" {
		return true
	}
	if len(s) < 4 || s[:2] != " (" || s[len(s)-1] != ')' {
		return false
	}
	for _, c := range []byte(s[2 : len(s)-1]) {
		if c < 'A' || 'Z' < c {
			return false
		}
	}
	return true
}

// digits reads a number of digits alone.
func digits(s string) (n int, ok bool) {
	for _, c := range []byte(s) {
		if c < '0' || '9' < c {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// atoi reads digits; none are 0.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
