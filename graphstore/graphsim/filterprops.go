package graphsim

import (
	"regexp"
	"strings"
)

// filterable are the property paths that a filter of messages may name, in lower case.
var filterable = map[string]func(*message) any{
	"receiveddatetime":          func(m *message) any { return m.received },
	"sentdatetime":              func(m *message) any { return m.sent() },
	"createddatetime":           func(m *message) any { return m.created },
	"lastmodifieddatetime":      func(m *message) any { return m.modified },
	"isread":                    func(m *message) any { return m.read },
	"isdraft":                   func(m *message) any { return m.draft },
	"hasattachments":            func(m *message) any { return m.info().HasAttachments },
	"importance":                func(m *message) any { return m.importance() },
	"inferenceclassification":   func(m *message) any { return m.inference },
	"subject":                   func(m *message) any { return m.info().Subject },
	"bodypreview":               func(m *message) any { return m.info().Preview },
	"body/content":              func(m *message) any { return m.itemBody().text },
	"internetmessageid":         func(m *message) any { return textOrNull(m.info().MessageID) },
	"parentfolderid":            func(m *message) any { return m.folder },
	"conversationid":            func(m *message) any { return encodeID(m.mb.id, kindThread, m.thread(), 0) },
	"flag/flagstatus":           func(m *message) any { return m.flag.Status },
	"from/emailaddress/address": func(m *message) any { return m.info().From.Address },
	"from/emailaddress/name":    func(m *message) any { return m.info().From.Name },
	"sender/emailaddress/address": func(m *message) any {
		if s := m.info().Sender.Address; s != "" {
			return s
		}
		return m.info().From.Address
	},
	"sender/emailaddress/name": func(m *message) any { return m.info().Sender.Name },
	"categories": func(m *message) any {
		var out []any
		for _, c := range m.categories {
			out = append(out, c)
		}
		return out
	},
	"torecipients":  func(m *message) any { return addressValues(m.info().To) },
	"ccrecipients":  func(m *message) any { return addressValues(m.info().Cc) },
	"bccrecipients": func(m *message) any { return addressValues(m.info().Bcc) },
	"replyto":       func(m *message) any { return addressValues(m.info().ReplyTo) },
}

const extendedPath = "singlevalueextendedproperties"

// lambdaID finds the ids inside any(ep: ep/id eq '…').
var lambdaID = regexp.MustCompile(`(?i)/id\s+eq\s+'((?:[^']|'')*)'`)

func filterablePath(path string) bool { return filterable[path] != nil || path == extendedPath }

func addressValues(list []Address) []any {
	var out []any
	for _, a := range list {
		out = append(out, map[string]any{"emailaddress": map[string]any{"address": a.Address, "name": a.Name}})
	}
	return out
}

// filterIDs are the extended properties that a filter asks about.
func filterIDs(text string) ([]extID, *apiError) {
	var out []extID
	i := strings.Index(strings.ToLower(text), extendedPath)
	if i < 0 {
		return nil, nil
	}
	for _, m := range lambdaID.FindAllStringSubmatch(text, -1) {
		id, err := parseExtID(strings.ReplaceAll(m[1], "''", "'"))
		if err != nil {
			return nil, err
		}
		id.text = m[1] // extValues is compared with the text of the request
		out = append(out, id)
	}
	return out, nil
}

// extValues is the list that any() over extended properties runs through. A property that is asked for and was never
// set stands in it with a null value, so that "ep/value eq null" finds what has none (§5.2). The id is the text of
// the request.
func (m *message) extValues(ids []extID) []any {
	var out []any
	for _, x := range ids {
		v, ok := m.extProperty(x)
		entry := map[string]any{"id": x.text, "value": nil}
		if ok {
			entry["value"] = v
		}
		out = append(out, entry)
	}
	return out
}
