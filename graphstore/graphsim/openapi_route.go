package graphsim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// apiDescription is what the validator uses of an OpenAPI 3 document.
type apiDescription struct {
	Paths      map[string]apiPath `json:"paths"`
	Components struct {
		Parameters map[string]*apiParameter `json:"parameters"`
		Schemas    map[string]*apiSchema    `json:"schemas"`
	} `json:"components"`

	routes []*apiRoute
}

// apiPath maps a lower-case method to its operation.
type apiPath map[string]*apiOperation

type apiOperation struct {
	Parameters  []*apiParameter `json:"parameters"`
	RequestBody *struct {
		Required bool `json:"required"`
		Content  map[string]struct {
			Schema *apiSchema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Resource      *apiSchema `json:"resource"` // of a successful answer
	QualifiedName string     `json:"x-ms-qualified-name"`
	Reported      string     `json:"x-ms-reported"` // documented, but refused in practice
	Undocumented  bool       `json:"x-ms-undocumented"`
}

type apiParameter struct {
	Ref    string     `json:"$ref"`
	Name   string     `json:"name"`
	In     string     `json:"in"`
	Schema *apiSchema `json:"schema"`
}

// beyond lists operations that the description does not have and Microsoft's
// pages do (user-translateexchangeids, mailfolder-importmime).
const beyond = `{
"/users/{user-id}/translateExchangeIds": {"post": {"requestBody": {"required": true, "content": {"application/json": {"schema":
  {"type":"object","required":["InputIds","SourceIdType","TargetIdType"],"properties":{
    "InputIds":{"type":"array","maxItems":1000,"items":{"type":"string"}},
    "SourceIdType":{"type":"string","enum":["entryId","ewsId","immutableEntryId","restId","restImmutableEntryId"]},
    "TargetIdType":{"type":"string","enum":["entryId","ewsId","immutableEntryId","restId","restImmutableEntryId"]}}}}}}}},
"/users/{user-id}/mailFolders/{mailFolder-id}/importMime": {"post": {"requestBody": {"required": true, "content": {"text/plain": {"schema":
  {"type":"string","format":"byte"}}}}}}
}`

// apiRoute is one path template, cut into segments; a parameter is a segment in braces.
type apiRoute struct {
	template string
	segments []string
	item     apiPath
	keys     map[string]string // values of the parameters; set on the copy that route returns
}

func (rt *apiRoute) last() string { return rt.segments[len(rt.segments)-1] }

// onMessages reports whether requests on this path take or return ids of messages.
func (rt *apiRoute) onMessages() bool { return slices.Contains(rt.segments, "messages") }

func (rt *apiRoute) methods() []string {
	names := sortedKeys(rt.item)
	for i := range names {
		names[i] = strings.ToUpper(names[i])
	}
	return names
}

// compile resolves the references of parameters and builds the table of routes.
func (d *apiDescription) compile() error {
	var more map[string]apiPath
	if err := json.Unmarshal([]byte(beyond), &more); err != nil {
		return err
	}
	maps.Copy(d.Paths, more)
	for _, template := range sortedKeys(d.Paths) {
		item := d.Paths[template]
		for _, op := range item {
			for i, p := range op.Parameters {
				if p.Ref != "" {
					op.Parameters[i] = d.Components.Parameters[refName(p.Ref)]
				}
			}
		}
		d.routes = append(d.routes, &apiRoute{template: template, segments: strings.Split(template[1:], "/"), item: item})
	}
	return nil
}

// refName cuts "#/components/schemas/microsoft.graph.message" to its last part.
func refName(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// keyed matches OData's other way of writing a key: mailFolders('inbox').
var keyed = regexp.MustCompile(`^([A-Za-z]+)\('(.*)'\)$`)

// route finds the template of an escaped path. A path that only differs in
// letter case is found and reported in problem.
func (d *apiDescription) route(path string) (found *apiRoute, problem string) {
	segments, err := pathSegments(path)
	if err != nil {
		return nil, err.Error()
	}
	if found = d.match(segments, equalString); found != nil {
		return found, ""
	}
	if found = d.match(segments, strings.EqualFold); found != nil {
		return found, "differs in letter case from " + found.template
	}
	return nil, "is not in the description of the mail paths"
}

func (d *apiDescription) match(segments []string, same func(a, b string) bool) (found *apiRoute) {
	for _, rt := range d.routes {
		keys, ok := rt.match(segments, same)
		if ok && (found == nil || len(keys) < len(found.keys)) { // literal segments win over parameters
			found = &apiRoute{template: rt.template, segments: rt.segments, item: rt.item, keys: keys}
		}
	}
	return found
}

func equalString(a, b string) bool { return a == b }

// match compares segments with the template and collects the parameters.
func (rt *apiRoute) match(segments []string, same func(a, b string) bool) (map[string]string, bool) {
	if len(segments) != len(rt.segments) {
		return nil, false
	}
	keys := make(map[string]string)
	for i, want := range rt.segments {
		switch {
		case strings.HasPrefix(want, "{"):
			keys[want] = segments[i]
		case !same(shortName(segments[i]), want):
			return nil, false
		}
	}
	return keys, true
}

// shortName turns "microsoft.graph.delta()" and "delta()" into "delta": the
// service takes the qualified names of functions and actions as well.
func shortName(segment string) string {
	return strings.TrimSuffix(strings.TrimPrefix(segment, "microsoft.graph."), "()")
}

// pathSegments cuts and unescapes a path. Keys in parentheses become segments of
// their own, and a folder below folders stands directly under mailFolders, since
// an id alone names it: /mailFolders/a/childFolders/b/messages → /mailFolders/b/messages.
func pathSegments(path string) ([]string, error) {
	var out []string
	for raw := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		segment, err := url.PathUnescape(raw)
		if err != nil {
			return nil, fmt.Errorf("does not decode: %w", err)
		}
		if segment == "" {
			return nil, fmt.Errorf("has an empty segment")
		}
		if m := keyed.FindStringSubmatch(segment); m != nil {
			out = append(out, m[1], strings.ReplaceAll(m[2], "''", "'"))
			continue
		}
		out = append(out, segment)
	}
	for {
		i := slices.Index(out, "childFolders")
		if i < 2 || i+1 == len(out) || out[i+1] == "$count" || shortName(out[i+1]) == "delta" {
			return out, nil
		}
		out = slices.Delete(out, i-1, i+1)
	}
}

// idText is what ids are made of: URL-safe base64 (graph/outlook-immutable-id).
var idText = regexp.MustCompile(`^[A-Za-z0-9_\-]+={0,2}$`)

func (c *requestCheck) checkPathKeys(rt *apiRoute) {
	for _, key := range sortedKeys(rt.keys) {
		value := rt.keys[key]
		switch key {
		case "{user-id}":
			if strings.HasPrefix(value, "$") && !strings.Contains(c.path, "('$") && !strings.Contains(c.path, "(%27") {
				c.reportf("path", "a user name that begins with $ is written /users('%s')", value)
			}
		case "{mailFolder-id}":
			if !wellKnownNames[value] && !idText.MatchString(value) {
				c.reportf("path", "%q is neither a folder id nor a well-known folder name", value)
			}
		case "{message-id}", "{attachment-id}":
			if !idText.MatchString(value) {
				c.reportf("path", "%s %q is no URL-safe base64", strings.Trim(key, "{}"), value)
			}
		}
	}
}
