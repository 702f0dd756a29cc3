package graphsim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// checkBodyRules adds what the pages of Microsoft's documentation say about
// bodies beyond their schema.
func (c *requestCheck) checkBodyRules(rt *apiRoute, v any) {
	body, ok := v.(map[string]any)
	if !ok {
		return
	}
	switch {
	case rt.template == "/$batch":
		c.checkBatch(body)
	case rt.last() == "sendMail":
		for _, name := range sortedKeys(body) {
			if m, ok := body[name].(map[string]any); ok && strings.EqualFold(name, "message") {
				c.checkMessage(pointerTo("", name), m)
			}
		}
	case rt.last() == "messages":
		c.checkMessage("", body)
		c.checkReadOnly(body, onlyService)
	case rt.last() == "{message-id}":
		c.checkMessage("", body)
		c.checkReadOnly(body, onlyService)
		c.checkReadOnly(body, onlyAtCreation)
	case rt.last() == "mailFolders", rt.last() == "childFolders":
		if name, _ := body["displayName"].(string); name == "" {
			c.reportf("body", "lacks a displayName (api/user-post-mailfolders)")
		}
	case rt.last() == "move", rt.last() == "copy":
		c.checkDestination(body)
	case rt.last() == "createUploadSession":
		c.checkUpload(body)
	}
	if rt.last() == "{mailFolder-id}" || rt.last() == "mailFolders" {
		c.checkExtended("", body)
	}
}

// onlyService lists the members of a message that the service alone sets: in a
// body they are ignored or refused (resources/message; Integer 0x0E07, SystemTime
// 0x0E06 and 0x0039 are the way to say what some of them mean).
var onlyService = []string{
	"id", "changeKey", "createdDateTime", "lastModifiedDateTime", "receivedDateTime", "sentDateTime", "isDraft",
	"hasAttachments", "bodyPreview", "parentFolderId", "conversationId", "conversationIndex", "uniqueBody", "webLink",
}

// onlyAtCreation cannot be changed later (api/message-update).
var onlyAtCreation = []string{"internetMessageHeaders", "attachments"}

func (c *requestCheck) checkReadOnly(body map[string]any, names []string) {
	for _, name := range names {
		if _, given := body[name]; given {
			c.reportf(bodyAt("", name), "cannot be set by this request; the service ignores or refuses it")
		}
	}
}

// checkMessage looks at a message that is created, changed or sent.
func (c *requestCheck) checkMessage(pointer string, m map[string]any) {
	if flag, ok := m["flag"].(map[string]any); ok && flag["dueDateTime"] != nil && flag["startDateTime"] == nil {
		c.reportf(bodyAt(pointerTo(pointer, "flag"), "dueDateTime"), "needs startDateTime beside it (resources/followupflag)")
	}
	headers, _ := m["internetMessageHeaders"].([]any)
	if len(headers) > 5 {
		c.reportf(bodyAt(pointer, "internetMessageHeaders"), "has %d fields, at most 5 are allowed", len(headers))
	}
	for i, h := range headers {
		field, _ := h.(map[string]any)
		if name, _ := field["name"].(string); !strings.HasPrefix(strings.ToLower(name), "x-") {
			c.reportf(bodyAt(pointerTo(pointer, "internetMessageHeaders"), strconv.Itoa(i)), "is named %q; only names that begin with x- may be set (resources/message)", name)
		}
	}
	c.checkExtended(pointer, m)
}

func (c *requestCheck) checkDestination(body map[string]any) {
	for _, name := range sortedKeys(body) {
		if !strings.EqualFold(name, "destinationId") {
			continue
		}
		if id, ok := body[name].(string); ok && (wellKnownNames[id] || idText.MatchString(id)) {
			return
		}
		c.reportf(bodyAt("", name), "is neither a folder id nor a well-known folder name")
		return
	}
	c.reportf("body", "lacks destinationId")
}

// checkUpload wants what the page attachment-createuploadsession calls required.
func (c *requestCheck) checkUpload(body map[string]any) {
	for _, name := range sortedKeys(body) {
		item, ok := body[name].(map[string]any)
		if !ok {
			continue
		}
		for _, member := range []string{"attachmentType", "name", "size"} {
			if item[member] == nil {
				c.reportf("body "+pointerTo("", name), "lacks the required member %q", member)
			}
		}
	}
}

// checkExtended checks the extended properties of a body: the id is well formed
// and the value a string of its type (resources/extended-properties-overview).
func (c *requestCheck) checkExtended(pointer string, body map[string]any) {
	properties, _ := body["singleValueExtendedProperties"].([]any)
	for i, p := range properties {
		here := pointerTo(pointerTo(pointer, "singleValueExtendedProperties"), strconv.Itoa(i))
		member, _ := p.(map[string]any)
		id, _ := member["id"].(string)
		if problem := extendedIDProblem(id); problem != "" {
			c.reportf(bodyAt(here, "id"), "%s", problem)
			continue
		}
		if value, ok := member["value"].(string); ok && !extendedValueFits(id, value) {
			c.reportf(bodyAt(here, "value"), "%q is no value of %s", value, id)
		}
	}
}

// extendedID is the name of a single-value extended property: a MAPI tag, or a
// GUID with a name or a number.
var extendedID = regexp.MustCompile(`(?i)^(String|Integer|Long|Short|SystemTime|Boolean|Binary|Double|Float|Currency|ApplicationTime|CLSID)(?:Array)? ` +
	`(?:0x([0-9a-f]{1,8})|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\} (?:Name \S.*|Id 0x[0-9a-f]{1,8}))$`)

func extendedIDProblem(id string) string {
	m := extendedID.FindStringSubmatch(id)
	if m == nil {
		return fmt.Sprintf("%q is no id of an extended property: want \"Integer 0x0e07\", \"String {guid} Name x\" or \"Integer {guid} Id 0x8570\"", id)
	}
	if tag, err := strconv.ParseUint(m[2], 16, 32); err == nil && (tag == 0 || tag >= 0x8000) {
		return fmt.Sprintf("%q: tags from 0x8000 on are written with their GUID", id)
	}
	return ""
}

func extendedValueFits(id, value string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(id), " ")
	switch kind {
	case "integer", "short":
		_, err := strconv.ParseInt(value, 10, 32)
		return err == nil
	case "long":
		_, err := strconv.ParseInt(value, 10, 64)
		return err == nil
	case "boolean":
		return strings.EqualFold(value, "true") || strings.EqualFold(value, "false")
	case "systemtime":
		_, err := time.Parse(time.RFC3339, value)
		return err == nil
	case "binary":
		return formatRule("byte", value) == ""
	}
	return true
}

var (
	extendedTerm = regexp.MustCompile(`(?i)^\s*\(?\s*id\s+eq\s+'([^']*)'\s*\)?\s*$`)
	orWord       = regexp.MustCompile(`(?i)\s+or\s+`)
)

// checkExtendedFilter reads "id eq 'A' or id eq 'B'" of an expansion.
func (c *requestCheck) checkExtendedFilter(place, filter string) {
	for _, term := range orWord.Split(filter, -1) {
		m := extendedTerm.FindStringSubmatch(term)
		if m == nil {
			c.reportf(place, "%q: extended properties are named by id eq '…', joined with or", term)
			continue
		}
		if problem := extendedIDProblem(m[1]); problem != "" {
			c.reportf(place, "%s", problem)
		}
	}
}

// checkBatch applies graph/json-batching to the envelope of a batch.
func (c *requestCheck) checkBatch(body map[string]any) {
	steps, _ := body["requests"].([]any)
	if len(steps) == 0 {
		c.reportf("body /requests", "is empty")
	}
	seen := make(map[string]bool)
	dependent := 0
	for i, s := range steps {
		here := "/requests/" + strconv.Itoa(i)
		step, _ := s.(map[string]any)
		id, _ := step["id"].(string)
		if seen[id] {
			c.reportf(bodyAt(here, "id"), "%q is used before", id)
		}
		depends, _ := step["dependsOn"].([]any)
		for _, d := range depends {
			if name, _ := d.(string); !seen[name] {
				c.reportf(bodyAt(here, "dependsOn"), "%q is no earlier step", name)
			}
		}
		if len(depends) > 0 {
			dependent++
		}
		seen[id] = true
		c.checkStep(here, step)
	}
	if dependent != 0 && dependent != len(steps)-1 {
		c.reportf("body /requests", "%d of %d steps depend on another; want all in one row or none", dependent, len(steps))
	}
}

func (c *requestCheck) checkStep(here string, step map[string]any) {
	url, _ := step["url"].(string)
	switch {
	case strings.Contains(url, "://"):
		c.reportf(bodyAt(here, "url"), "is absolute; want one below the version, such as /users/…")
	case strings.HasPrefix(url, "/v1.0/"), strings.HasPrefix(url, "/beta/"):
		c.reportf(bodyAt(here, "url"), "begins with the version; want what follows it")
	case strings.Contains(url, "$batch"):
		c.reportf(bodyAt(here, "url"), "is a batch inside a batch")
	}
	if step["body"] == nil {
		return
	}
	headers, _ := step["headers"].(map[string]any)
	for name := range headers {
		if strings.EqualFold(name, "Content-Type") {
			return
		}
	}
	c.reportf(bodyAt(here, "headers"), "lack Content-Type though there is a body; the whole batch fails")
}
