package graphsim

import (
	"net/mail"
	"strings"
)

var addressParser = mail.AddressParser{WordDecoder: &words}

// parseAddresses reads an address list as tolerantly as it can: what a strict parser refuses is cut at commas.
func parseAddresses(s string) []Address {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	if list, err := addressParser.ParseList(s); err == nil {
		out := make([]Address, len(list))
		for i, a := range list {
			out[i] = Address{strings.ToValidUTF8(a.Name, "\uFFFD"), strings.ToValidUTF8(a.Address, "\uFFFD")}
			if out[i].Name == "" {
				out[i].Name = out[i].Address
			}
		}
		return out
	}
	var out []Address
	for _, item := range splitList(s) {
		name, addr := item, ""
		if i := strings.LastIndexByte(item, '<'); i >= 0 {
			addr, _, _ = strings.Cut(item[i+1:], ">")
			name = item[:i]
		} else if strings.Contains(item, "@") {
			addr = item
		}
		addr = strings.TrimSpace(addr)
		name = strings.Trim(decodeWords(strings.TrimSpace(name)), `"`)
		if name == "" {
			name = addr
		}
		if name != "" {
			out = append(out, Address{name, strings.ToValidUTF8(addr, "\uFFFD")})
		}
	}
	return out
}

// splitList cuts at commas and semicolons outside quotes and angle brackets; a group's name goes.
func splitList(s string) []string {
	var out []string
	var quoted, angle bool
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) {
			switch c := s[i]; {
			case c == '\\' && quoted:
				i++
				continue
			case c == '"':
				quoted = !quoted
				continue
			case c == '<':
				angle = true
				continue
			case c == '>':
				angle = false
				continue
			case c == ':' && !quoted && !angle:
				start = i + 1
				continue
			case c != ',' && c != ';' || quoted || angle:
				continue
			}
		}
		if item := strings.TrimSpace(s[min(start, len(s)):min(i, len(s))]); item != "" {
			out = append(out, item)
		}
		start = i + 1
	}
	return out
}
