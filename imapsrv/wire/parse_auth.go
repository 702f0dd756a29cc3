package wire

import (
	"encoding/base64"
	"strings"
)

func (r *Reader) parseLogin() any {
	user := r.astring()
	r.sp()
	return &Login{User: user, Password: r.astring()}
}

// parseAuthenticate parses the mechanism and an initial response (RFC 4959 §3).
func (r *Reader) parseAuthenticate() any {
	a := &Authenticate{Mechanism: strings.ToUpper(string(r.run(classAtom)))}
	if a.Mechanism == "" {
		r.fail("Missing mechanism")
	}
	r.spaces()
	if r.pos == len(r.line) {
		return a
	}
	start := r.pos
	for r.pos < len(r.line) && r.line[r.pos] != ' ' {
		r.pos++
	}
	word := r.line[start:r.pos]
	if string(word) == "=" {
		a.Initial = []byte{}
		return a
	}
	a.Initial = make([]byte, base64.StdEncoding.DecodedLen(len(word)))
	n, err := base64.StdEncoding.Decode(a.Initial, word)
	if err != nil {
		r.fail("Invalid base64")
	}
	a.Initial = a.Initial[:n]
	return a
}

// parseID parses what the client says of itself (RFC 2971 §3.1). A value of NIL
// becomes "".
func (r *Reader) parseID() any {
	id := &ID{}
	if r.peek() != '(' {
		if !r.acceptNIL() {
			r.fail("Invalid ID")
		}
		return id
	}
	id.Params = make(map[string]string)
	r.list(true, func() {
		name := r.astring()
		r.sp()
		value := ""
		if !r.acceptNIL() {
			value = r.astring()
		}
		id.Params[strings.ToLower(name)] = value
	})
	return id
}

// acceptNIL takes the atom NIL.
func (r *Reader) acceptNIL() bool {
	start := r.pos
	if strings.EqualFold(string(r.run(classAstring)), "NIL") {
		return true
	}
	r.pos = start
	return false
}

// parseCompress parses COMPRESS (RFC 4978 §5).
func (r *Reader) parseCompress() any {
	c := &Compress{Mechanism: strings.ToUpper(string(r.run(classAtom)))}
	if c.Mechanism == "" {
		r.fail("Missing mechanism")
	}
	return c
}
