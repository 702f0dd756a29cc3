package graphsim

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Single-value extended properties: MAPI properties by type and tag (res/extended-properties-overview, §8).

// extValue is a property that somebody set.
type extValue struct {
	typ   string
	value string
}

func cloneExt(m map[string]extValue) map[string]extValue { return maps.Clone(m) }

// extID is a parsed property id.
type extID struct {
	typ  string // canonical, "Integer"
	key  string // identity without type, lower case: "0xe23", "{guid} id 0x8570", "{guid} name x-foo"
	text string // as answers give it: normalised hexadecimal, GUID and name as sent (§8)
}

var extPattern = regexp.MustCompile(`(?i)^(\w+) +(?:(0x[0-9a-f]{1,8})|(\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}) +(?:(id) +(0x[0-9a-f]{1,8})|(name) +(.+)))$`)

// extTypes are the types of single values, by their name in lower case.
var extTypes = func() map[string]string {
	m := map[string]string{}
	for _, t := range strings.Fields(`ApplicationTime Binary Boolean CLSID Currency Double Error Float Integer Long Null
		Object Short String SystemTime`) {
		m[strings.ToLower(t)] = t
	}
	return m
}()

// knownTags are the types of the tags that this package computes or interprets; another type is refused. Long and
// Integer read the same number (§19: "Long 0xe08").
var knownTags = map[string]string{
	"0xe23": "Integer", "0xe08": "Integer", "0xe07": "Integer", "0xe06": "SystemTime", "0x39": "SystemTime",
	"0x7d": "String", "0x1081": "Integer", "0x1080": "Integer", "0x1090": "Integer", "0x1083": "Integer",
	"0x1035": "String", "0x1039": "String", "0x1042": "String", "0x1a": "String", "0xff9": "Binary", "0xe01": "Boolean",
	"0x37": "String", "0x3007": "SystemTime", "0x3008": "SystemTime",
	"0x6751": "Integer", "0x670a": "SystemTime", "0x3613": "String",
	"{00062008-0000-0000-c000-000000000046} id 0x8570": "Integer",
}

// parseExtID reads a property id; §8: a wrong pair of type and tag is ErrorInvalidExtendedProperty.
func parseExtID(s string) (extID, *apiError) {
	bad := fail(400, "ErrorInvalidExtendedProperty", "The extended property attribute combination is invalid.")
	m := extPattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return extID{}, bad
	}
	typ, ok := extTypes[strings.ToLower(m[1])]
	if !ok {
		return extID{}, bad
	}
	var id extID
	switch {
	case m[2] != "":
		tag := normalHex(m[2])
		id = extID{typ, tag, typ + " " + tag}
	case m[4] != "":
		tag := normalHex(m[5])
		id = extID{typ, strings.ToLower(m[3]) + " id " + tag, typ + " " + m[3] + " Id " + tag}
	default:
		id = extID{typ, strings.ToLower(m[3] + " name " + m[7]), typ + " " + m[3] + " Name " + m[7]}
	}
	if want := knownTags[id.key]; want != "" && want != typ && !(want == "Integer" && typ == "Long") {
		return extID{}, bad
	}
	return id, nil
}

// normalHex is a tag in lower case without leading zeros, the form of answers: "0x0E23" → "0xe23".
func normalHex(s string) string {
	n, _ := strconv.ParseUint(s[2:], 16, 64)
	return "0x" + strconv.FormatUint(n, 16)
}

// checkExtValue verifies the text of a value against its type and gives it the form of answers.
func checkExtValue(typ, v string) (string, *apiError) {
	var err error
	switch typ {
	case "Integer", "Short":
		_, err = strconv.ParseInt(v, 10, 32)
	case "Long", "Currency":
		_, err = strconv.ParseInt(v, 10, 64)
	case "Double", "Float", "ApplicationTime":
		_, err = strconv.ParseFloat(v, 64)
	case "Boolean":
		var b bool
		b, err = strconv.ParseBool(strings.ToLower(v))
		v = strconv.FormatBool(b)
	case "SystemTime":
		var t time.Time
		t, err = parseTime(v)
		v = formatTime(t)
	case "Binary":
		_, err = base64.StdEncoding.DecodeString(v)
	}
	if err != nil {
		return "", fail(400, "ErrorInvalidExtendedPropertyValue", "The extended property value is invalid.")
	}
	return v, nil
}

// setExt stores a property of a message, by an id known to be right.
func (m *message) setExt(id, value string) {
	x, err := parseExtID(id)
	if err != nil {
		panic("graphsim: " + id)
	}
	m.storeExt(x, value)
}

func (m *message) storeExt(x extID, value string) {
	if m.ext == nil {
		m.ext = map[string]extValue{}
	}
	m.ext[x.key] = extValue{x.typ, value}
}

const namedHeaders = "{00020386-0000-0000-c000-000000000046} name "

// extProperty is the value of a property of a message; ok is false for one that was never set (§8: left out).
func (m *message) extProperty(x extID) (value string, ok bool) {
	switch x.key {
	case "0xe23":
		n := m.articleNumber()
		return strconv.Itoa(n), n != 0
	case "0xe08":
		return strconv.FormatInt(m.storeSize()*int64(or(m.mb.srv.modes.StoreSize, 100))/100, 10), true
	case "0xe07":
		return strconv.Itoa(m.messageFlags()), true
	case "0xe06":
		return formatTime(m.received), true
	case "0x39":
		return formatTime(m.sent()), true
	case "0x3007":
		return formatTime(m.created), true
	case "0x3008":
		return formatTime(m.modified), true
	case "0x1090":
		n := map[string]string{"flagged": "2", "complete": "1"}[m.flag.Status]
		return n, n != ""
	case "0x1a":
		if m.info().Class == "" {
			return "IPM.Note", true
		}
		return m.meta.Class, true
	case "0x37":
		return m.info().Subject, m.info().Subject != ""
	case "0x1035":
		return m.info().MessageID, m.info().MessageID != ""
	case "0xff9":
		key := binary.BigEndian.AppendUint64(appendGUID(nil, m.mb.id), m.num)
		return base64.StdEncoding.EncodeToString(key), true
	case "0x7d", "0x1042", "0x1039":
		if e, set := m.ext[x.key]; set {
			return e.value, true
		}
		return m.headerProperty(x.key)
	}
	if e, set := m.ext[x.key]; set {
		return e.value, true
	}
	if name, is := strings.CutPrefix(x.key, namedHeaders); is {
		for _, h := range m.headerFields() {
			if strings.EqualFold(h.Name, name) {
				return h.Value, true
			}
		}
	}
	return "", false
}

// headerProperty is one of the properties that come from the header of the MIME.
func (m *message) headerProperty(key string) (string, bool) {
	var v string
	switch key {
	case "0x7d":
		if m.draft || m.content == nil {
			return "", false // written by transport only (§19: absent on a draft)
		}
		v = string(m.rawHeader())
	case "0x1042":
		v = m.info().InReplyTo
	case "0x1039":
		v = m.info().References
	}
	return v, v != ""
}

// messageFlags is PidTagMessageFlags (§8).
func (m *message) messageFlags() int {
	n := 2
	if m.read {
		n |= 1
	}
	if m.draft {
		n |= 8
	}
	if m.info().HasAttachments {
		n |= 0x10
	}
	return n
}

// extProperty is the value of a property of a folder (§4.6).
func (f *folder) extProperty(x extID) (string, bool) {
	switch x.key {
	case "0x6751":
		return strconv.Itoa(f.nextArticle), true
	case "0x670a":
		return formatTime(f.committed), true
	case "0x3008":
		return formatTime(f.modified), true
	case "0x3007":
		return formatTime(f.created), true
	case "0x3613":
		return f.class, f.class != ""
	case "0xe08":
		return strconv.FormatInt(f.bytes, 10), true
	}
	e, ok := f.ext[x.key]
	return e.value, ok
}
