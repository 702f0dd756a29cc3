package graphsim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apiSchema is the subset of JSON schema that the description uses.
type apiSchema struct {
	Ref           string                `json:"$ref"`
	Type          string                `json:"type"`
	Format        string                `json:"format"`
	Nullable      bool                  `json:"nullable"`
	Enum          []string              `json:"enum"`
	Required      []string              `json:"required"`
	Properties    map[string]*apiSchema `json:"properties"`
	Additional    *apiAdditional        `json:"additionalProperties"`
	Items         *apiSchema            `json:"items"`
	MaxItems      *int                  `json:"maxItems"`
	AllOf         []*apiSchema          `json:"allOf"`
	Navigation    bool                  `json:"x-ms-navigationProperty"`
	Discriminator *struct {
		Mapping map[string]string `json:"mapping"`
	} `json:"x-discriminator"`
}

// apiAdditional is additionalProperties, which may be a boolean or a schema.
type apiAdditional struct {
	Allowed bool
	Schema  *apiSchema
}

// UnmarshalJSON reads either form.
func (a *apiAdditional) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &a.Allowed); err == nil {
		return nil
	}
	a.Allowed = true
	return json.Unmarshal(text, &a.Schema)
}

// apiObject is a schema with its references followed and its allOf merged.
type apiObject struct {
	name       string // of the type, "" for one without a name
	properties map[string]*apiSchema
	required   []string
	additional *apiAdditional
	mapping    map[string]string // "#microsoft.graph.x" → reference of a derived type
	abstract   bool              // only derived types exist
}

// follow resolves a chain of references and names its end.
func (d *apiDescription) follow(s *apiSchema) (*apiSchema, string) {
	name := ""
	for s.Ref != "" {
		name = refName(s.Ref)
		s = d.Components.Schemas[name]
	}
	return s, name
}

// object flattens s. Members of later allOf entries win, as a derived type's should.
func (d *apiDescription) object(s *apiSchema) *apiObject {
	s, name := d.follow(s)
	o := &apiObject{name: name, properties: map[string]*apiSchema{}}
	for _, base := range s.AllOf {
		b := d.object(base)
		maps.Copy(o.properties, b.properties)
		o.required = append(o.required, b.required...)
		if b.additional != nil {
			o.additional = b.additional
		}
		if b.mapping != nil {
			o.mapping = b.mapping
		}
		if o.name == "" {
			o.name = b.name
		}
		o.abstract = b.abstract && len(s.AllOf) == 1
	}
	maps.Copy(o.properties, s.Properties)
	o.required = append(o.required, s.Required...)
	if s.Additional != nil {
		o.additional = s.Additional
	}
	if s.Discriminator != nil {
		o.mapping = s.Discriminator.Mapping
		o.abstract = o.mapping["#"+name] == ""
	}
	return o
}

// scalar finds the schema that says type, format or enum: s itself or the one
// entry of its allOf (the way the description adds nullable to a reference).
func (d *apiDescription) scalar(s *apiSchema) (_ *apiSchema, nullable bool) {
	for {
		nullable = nullable || s.Nullable
		switch {
		case s.Ref != "":
			s, _ = d.follow(s)
		case s.Type == "" && len(s.AllOf) == 1:
			s = s.AllOf[0]
		default:
			return s, nullable
		}
	}
}

// kind is the JSON type that s asks for, "" for any.
func (s *apiSchema) kind() string {
	if s.Type == "" && (len(s.AllOf) > 0 || s.Properties != nil) {
		return "object"
	}
	return s.Type
}

// checkAction checks a request body. The parameters of an action, whose schema
// has no name, are matched without regard to letter case, as the service does.
func (c *requestCheck) checkAction(s *apiSchema, v any) {
	members, isObject := v.(map[string]any)
	if s.Ref != "" || !isObject {
		c.checkValue(s, v, "")
		return
	}
	folded := make(map[string]any, len(members))
	for _, k := range sortedKeys(members) {
		name := k
		for want := range s.Properties {
			if strings.EqualFold(k, want) {
				name = want
			}
		}
		if _, twice := folded[name]; twice {
			c.reportf(bodyAt("", k), "comes twice, as names are compared without case")
		}
		folded[name] = members[k]
	}
	c.checkValue(s, folded, "")
}

// bodyAt appends a member to a JSON pointer (RFC 6901) and says that it is one of the body.
func bodyAt(pointer, member string) string { return "body " + pointerTo(pointer, member) }

func pointerTo(pointer, member string) string {
	return pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
}

func bodyPlace(pointer string) string {
	if pointer == "" {
		return "body"
	}
	return "body " + pointer
}

// checkValue compares one JSON value with its schema.
func (c *requestCheck) checkValue(s *apiSchema, v any, pointer string) {
	typed, nullable := c.api.scalar(s)
	want := typed.kind()
	got := kindOf(v)
	switch {
	case want == "":
		// anything goes
	case got == "null":
		if !nullable {
			c.reportf(bodyPlace(pointer), "is null, which is not allowed here")
		}
	case got == "number" && want == "integer":
		if rule := numberRule(typed, v.(json.Number)); rule != "" {
			c.reportf(bodyPlace(pointer), "%s", rule)
		}
	case got != want:
		c.reportf(bodyPlace(pointer), "is of the type %s, want %s", got, want)
	case got == "object":
		c.checkObject(s, v.(map[string]any), pointer)
	case got == "array":
		values := v.([]any)
		if typed.MaxItems != nil && len(values) > *typed.MaxItems {
			c.reportf(bodyPlace(pointer), "has %d items, at most %d are allowed", len(values), *typed.MaxItems)
		}
		for i, v := range values {
			c.checkValue(typed.Items, v, pointerTo(pointer, strconv.Itoa(i)))
		}
	case got == "string":
		if rule := stringRule(typed, v.(string)); rule != "" {
			c.reportf(bodyPlace(pointer), "%s", rule)
		}
	}
}

// kindOf names the JSON type of a decoded value as schemas do.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return "number"
}

func (c *requestCheck) checkObject(s *apiSchema, members map[string]any, pointer string) {
	o := c.api.object(s)
	o = c.derived(o, members, pointer)
	for _, name := range o.required {
		if _, ok := members[name]; !ok {
			c.reportf(bodyPlace(pointer), "lacks the required member %q", name)
		}
	}
	for _, name := range sortedKeys(members) {
		if strings.Contains(name, "@odata.") {
			continue // annotations are allowed anywhere
		}
		p, known := o.properties[name]
		switch {
		case known:
			c.checkValue(p, members[name], pointerTo(pointer, name))
		case o.additional == nil || !o.additional.Allowed:
			c.reportf(bodyAt(pointer, name), "is no property of %s%s", o.title(), suggestion(name, o.properties))
		case o.additional.Schema != nil:
			c.checkValue(o.additional.Schema, members[name], pointerTo(pointer, name))
		default: // an open type; a known name in other letters is still a mistake
			if hint := suggestion(name, o.properties); hint != "" {
				c.reportf(bodyAt(pointer, name), "is no property of %s%s", o.title(), hint)
			}
		}
	}
}

// derived narrows o to the type that "@odata.type" names.
func (c *requestCheck) derived(o *apiObject, members map[string]any, pointer string) *apiObject {
	name, given := members["@odata.type"].(string)
	full := "#" + strings.TrimPrefix(name, "#")
	switch {
	case !given && o.abstract:
		c.reportf(bodyPlace(pointer), `lacks "@odata.type", since %s is abstract; want one of %s`, o.name, strings.Join(sortedKeys(o.mapping), ", "))
	case !given || o.name == "" || full == "#"+o.name:
	case o.mapping[full] == "":
		c.reportf(bodyAt(pointer, "@odata.type"), "is %q, which is not %s nor derived from it", name, o.title())
	default:
		return c.api.object(&apiSchema{Ref: o.mapping[full]})
	}
	return o
}

func (o *apiObject) title() string {
	if o.name == "" {
		return "this object"
	}
	return o.name
}

func suggestion(name string, properties map[string]*apiSchema) string {
	for _, known := range sortedKeys(properties) {
		if strings.EqualFold(known, name) {
			return fmt.Sprintf("; it is written %q", known)
		}
	}
	return ""
}

var (
	uuidText = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	timeText = regexp.MustCompile(`^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?$`)
)

// stringRule says what is wrong with a string, or "".
func stringRule(s *apiSchema, value string) string {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		return fmt.Sprintf("is %q, want one of %s", value, strings.Join(s.Enum, ", "))
	}
	return formatRule(s.Format, value)
}

func formatRule(format, value string) string {
	ok := true
	switch format {
	case "date-time":
		_, err := time.Parse(time.RFC3339, value)
		ok = err == nil
	case "date":
		_, err := time.Parse(time.DateOnly, value)
		ok = err == nil
	case "time":
		ok = timeText.MatchString(value)
	case "uuid":
		ok = uuidText.MatchString(value)
	case "base64url", "byte":
		std := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(value, "="))
		_, err := base64.RawStdEncoding.DecodeString(std)
		ok = err == nil
	}
	if !ok {
		return fmt.Sprintf("is not of the format %s", format)
	}
	return ""
}

func numberRule(s *apiSchema, n json.Number) string {
	bits := 64
	if s.Format == "int32" {
		bits = 32
	}
	if _, err := strconv.ParseInt(n.String(), 10, bits); err != nil {
		return fmt.Sprintf("is %s, want an integer of %d bits", n, bits)
	}
	return ""
}
