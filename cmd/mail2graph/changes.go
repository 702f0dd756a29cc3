package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"mail2graph/bridge"
)

// fixedChanges names the tables and keys in which two configurations differ and
// which a running service cannot change. It looks at every field that there is, so
// that a new one is told until a reload knows how to apply it.
func fixedChanges(old, now *bridge.Config) []string {
	a, b := *old, *now
	a.SMTP.Trusted, a.TLS.CertFile, a.TLS.KeyFile = b.SMTP.Trusted, b.TLS.CertFile, b.TLS.KeyFile     // applied
	a.Logins, a.Warnings, a.Log.Level, a.Log.Levels = b.Logins, b.Warnings, b.Log.Level, b.Log.Levels // applied
	var names []string
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if x, y := va.Field(i), vb.Field(i); !reflect.DeepEqual(x.Interface(), y.Interface()) {
			names = append(names, changedNames(va.Type().Field(i).Name, x, y)...)
		}
	}
	return names
}

// fieldNames are those that are not the field's in lower case.
var fieldNames = map[string]string{"StateDir": "state_dir", "Apps": "app", "Mailboxes": "mailbox"}

// changedNames is the name of a field as the file has it; for tables with names
// those that came, went or changed.
func changedNames(field string, x, y reflect.Value) []string {
	name, ok := fieldNames[field]
	if !ok {
		name = strings.ToLower(field)
	}
	switch x.Kind() {
	case reflect.Struct:
		return []string{"[" + name + "]"}
	case reflect.Map:
	default:
		return []string{name}
	}
	var names []string
	look := func(in, other reflect.Value, both bool) {
		for _, key := range in.MapKeys() {
			o := other.MapIndex(key)
			if !o.IsValid() || both && !reflect.DeepEqual(in.MapIndex(key).Interface(), o.Interface()) {
				names = append(names, fmt.Sprintf("[%s.%v]", name, key))
			}
		}
	}
	look(x, y, true)
	look(y, x, false)
	slices.Sort(names)
	return names
}

// outdatedSessions names the logins that are gone or changed and have connections, with
// their number: "anna (2)". A reload ends no session, so somebody who was shut out this
// way still reads mail.
func outdatedSessions(old, now map[string]bridge.LoginConfig, connections ...map[string]int) []string {
	var out []string
	for name, was := range old {
		if is, found := now[name]; found && reflect.DeepEqual(was, is) {
			continue
		}
		n := 0
		for _, by := range connections {
			n += by[name]
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%s (%d)", name, n))
		}
	}
	slices.Sort(out)
	return out
}
