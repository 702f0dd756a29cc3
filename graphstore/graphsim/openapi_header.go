package graphsim

import (
	"regexp"
	"slices"
	"strings"
)

// preferences are the values of Prefer that Microsoft's pages name: those of
// mail (graph/outlook-immutable-id, api/message-delta, api/message-get,
// resources/message) and the general ones of OData.
var preferences = []*regexp.Regexp{
	regexp.MustCompile(`^IdType="ImmutableId"$`),
	regexp.MustCompile(`^odata\.maxpagesize=[1-9][0-9]*$`),
	regexp.MustCompile(`^outlook\.body-content-type="?(text|html)"?$`),
	regexp.MustCompile(`^outlook\.allow-unsafe-html$`),
	regexp.MustCompile(`^outlook\.timezone="[^"]+"$`),
	regexp.MustCompile(`^return=(minimal|representation)$`),
	regexp.MustCompile(`^include-unknown-enum-members$`),
}

// immutablePreference asks for ids that survive moves.
const immutablePreference = `IdType="ImmutableId"`

func (c *requestCheck) checkHeaders(rt *apiRoute, op *apiOperation) {
	var given []string
	for _, line := range c.header.Values("Prefer") {
		for value := range strings.SplitSeq(line, ",") {
			value = strings.ReplaceAll(strings.TrimSpace(value), " ", "")
			given = append(given, value)
			if !slices.ContainsFunc(preferences, func(re *regexp.Regexp) bool { return re.MatchString(value) }) {
				c.reportf("header Prefer", "%q is not a known preference", value)
			}
		}
	}
	if c.opts.ImmutableIDs && rt.onMessages() && !slices.Contains(given, immutablePreference) {
		c.reportf("header Prefer", "lacks %s", immutablePreference)
	}
	if len(c.body) > 0 && op.RequestBody != nil && c.header.Get("Content-Type") == "" {
		c.reportf("header Content-Type", "is missing")
	}
	if m := c.header.Get("If-Match"); m != "" && m != "*" && !etag.MatchString(m) {
		c.reportf("header If-Match", "%q is no entity tag", m)
	}
}

// etag is an entity tag, weak ones included (RFC 9110 §8.8.3).
var etag = regexp.MustCompile(`^(W/)?"[^"]*"$`)
