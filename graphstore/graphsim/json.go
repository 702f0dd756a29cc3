package graphsim

import (
	"encoding/json"
	"strconv"
	"time"
)

// object is a JSON object with its members in order, the cheap way to write rows with selected properties.
type object []member

type member struct {
	name  string
	value any
}

// add appends a member and returns the object.
func (o object) add(name string, v any) object { return append(o, member{name, v}) }

// MarshalJSON lets an object stand inside values that encoding/json writes.
func (o object) MarshalJSON() ([]byte, error) { return appendJSON(nil, o), nil }

// appendJSON writes v; for the types of rows without reflection.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, m.name)
			b = append(b, ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	case []object:
		b = append(b, '[')
		for i, o := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, o)
		}
		return append(b, ']')
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, s)
		}
		return append(b, ']')
	case string:
		return appendJSONString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case time.Time:
		return appendJSONString(b, formatTime(v))
	case json.RawMessage:
		return append(b, v...)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("graphsim: " + err.Error()) // only our own types come here
	}
	return append(b, text...)
}

// appendJSONString writes a string; plain ASCII, which most are, is copied.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				text = []byte(`""`)
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// formatTime is UTC in whole seconds (res/message, §3).
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// parseTime reads the forms that clients send; a missing zone means UTC.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	for _, layout := range []string{"2006-01-02T15:04:05.9999999", "2006-01-02T15:04:05", "2006-01-02T15:04Z", "2006-01-02"} {
		if err == nil {
			break
		}
		t, err = time.Parse(layout, s)
	}
	return t.UTC(), err
}
