package bridge

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// maxConfigSize keeps a wrong file name (a disk image, a device) from being read whole.
const maxConfigSize = 16 << 20

// LoadConfig reads the file at path. Its error lists every problem of the
// file, one a line, each "file:line: key: what was found, what is allowed".
func LoadConfig(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxConfigSize {
		return nil, fmt.Errorf("%s: more than %d octets are no configuration", path, maxConfigSize)
	}
	return parseConfig(path, string(text))
}

// parseConfig reads the text of a configuration; file is its path, for messages
// and as the place from which relative paths start.
func parseConfig(file, text string) (*Config, error) {
	l := &loader{file: file, prims: map[string]toml.Primitive{}}
	var root map[string]toml.Primitive
	md, err := toml.Decode(text, &root)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	l.md = &md

	c := Defaults()
	l.root(c, root)
	l.resolvePaths(c)
	l.validate(c)
	if err := l.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// syntaxError is for text that is no TOML: only the first problem is known.
func syntaxError(file string, err error) error {
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %s", file, pe.Position.Line, pe.Message)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// loader gives each value of a parsed file to its place in a Config. It walks
// the tables itself, with toml.Primitive, because toml.Decode stops at the first
// wrong value and names unknown keys without their line.
type loader struct {
	file     string
	md       *toml.MetaData
	prims    map[string]toml.Primitive // by dotted key, for the line of each
	problems []problem
	warnings []problem
}

// problem is a remark on a key of the file.
type problem struct {
	line int
	key  toml.Key
	text string
}

func (p problem) render(file string) string {
	return fmt.Sprintf("%s:%d: %s: %s", file, p.line, p.key, p.text)
}

func (l *loader) problemf(key toml.Key, format string, args ...any) {
	l.problems = append(l.problems, problem{l.line(key), key, fmt.Sprintf(format, args...)})
}

func (l *loader) warnf(key toml.Key, format string, args ...any) {
	l.warnings = append(l.warnings, problem{l.line(key), key, fmt.Sprintf(format, args...)})
}

// err joins the problems in the order of the file.
func (l *loader) err() error {
	slices.SortStableFunc(l.problems, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(l.problems))
	for i, p := range l.problems {
		errs[i] = errors.New(p.render(l.file))
	}
	return errors.Join(errs...)
}

// peek takes any value of the decoder and refuses it, so that the decoder
// wraps the refusal into a toml.ParseError that knows the line.
type peek struct{ value any }

var errPeek = errors.New("peek")

// UnmarshalTOML implements toml.Unmarshaler.
func (p *peek) UnmarshalTOML(v any) error {
	p.value = v
	return errPeek
}

// line finds the line of a key, or of the nearest table around it; 1 if there is none.
func (l *loader) line(key toml.Key) int {
	for ; len(key) > 0; key = key[:len(key)-1] {
		if prim, ok := l.prims[key.String()]; ok {
			if line := l.lineOf(prim); line > 0 {
				return line
			}
		}
	}
	return 1
}

// lineOf finds where a value stands. A table that has no line of its own, as a
// and b in a.b.c = 1, stands where the first of its values does.
func (l *loader) lineOf(prim toml.Primitive) int {
	var p peek
	pe, ok := errors.AsType[toml.ParseError](l.md.PrimitiveDecode(prim, &p))
	if ok && pe.Position.Line > 0 {
		return pe.Position.Line
	}
	var sub map[string]toml.Primitive
	if _, table := p.value.(map[string]any); !table || l.md.PrimitiveDecode(prim, &sub) != nil {
		return 0
	}
	first := 0
	for _, prim := range sub {
		if line := l.lineOf(prim); first == 0 || line > 0 && line < first {
			first = line
		}
	}
	return first
}

// root reads the top level.
func (l *loader) root(c *Config, raw map[string]toml.Primitive) {
	tables := map[string]map[string]any{
		"log":   c.Log.fields(),
		"cache": c.Cache.fields(),
		"imap":  c.IMAP.fields(),
		"smtp":  c.SMTP.fields(),
		"tls":   c.TLS.fields(),

		"metrics": c.Metrics.fields(),
	}
	named := map[string]func(toml.Key, map[string]toml.Primitive){
		"app": func(k toml.Key, raw map[string]toml.Primitive) {
			readNamed(l, k, raw, &c.Apps, DefaultApp, (*AppConfig).fields)
		},
		"mailbox": func(k toml.Key, raw map[string]toml.Primitive) {
			readNamed(l, k, raw, &c.Mailboxes, DefaultMailbox, (*MailboxConfig).fields)
		},
		"login": func(k toml.Key, raw map[string]toml.Primitive) {
			readNamed(l, k, raw, &c.Logins, DefaultLogin, (*LoginConfig).fields)
		},
	}
	for _, name := range sortedKeys(raw) {
		key := toml.Key{name}
		l.prims[key.String()] = raw[name]
		if fields, ok := tables[name]; ok {
			if sub, ok := l.table(key, raw[name], "["+name+"]"); ok {
				l.read(key, sub, fields)
			}
			continue
		}
		if read, ok := named[name]; ok {
			if sub, ok := l.table(key, raw[name], "["+name+".NAME]"); ok {
				read(key, sub)
			}
			continue
		}
		if name == "state_dir" {
			l.assign(key, &c.StateDir)
			continue
		}
		allowed := slices.Concat([]string{"state_dir"}, sortedKeys(tables), sortedKeys(named))
		l.problemf(key, "unknown key, allowed are %s", strings.Join(allowed, ", "))
	}
}

// readNamed reads the tables [kind.NAME], each on top of its defaults.
func readNamed[T any](l *loader, kind toml.Key, raw map[string]toml.Primitive, dst *map[string]T,
	defaults func() T, fields func(*T) map[string]any) {
	*dst = map[string]T{}
	if len(raw) == 0 {
		l.problemf(kind, "found nothing in it, needed is at least one table [%s.NAME]", kind)
	}
	for _, name := range sortedKeys(raw) {
		key := append(slices.Clone(kind), name)
		l.prims[key.String()] = raw[name]
		sub, ok := l.table(key, raw[name], "["+kind[0]+".NAME]")
		if !ok {
			continue
		}
		entry := defaults()
		l.read(key, sub, fields(&entry))
		(*dst)[name] = entry
	}
}

// table opens a value that has to be a table.
func (l *loader) table(key toml.Key, prim toml.Primitive, want string) (map[string]toml.Primitive, bool) {
	var p peek
	_ = l.md.PrimitiveDecode(prim, &p) // always errPeek
	if _, ok := p.value.(map[string]any); !ok {
		l.problemf(key, "found %s, allowed is a table %s", kindOf(p.value), want)
		return nil, false
	}
	var sub map[string]toml.Primitive
	if err := l.md.PrimitiveDecode(prim, &sub); err != nil {
		l.problemf(key, "%v", err)
		return nil, false
	}
	return sub, true
}

// read gives the values of one table to their fields.
func (l *loader) read(table toml.Key, raw map[string]toml.Primitive, fields map[string]any) {
	for _, name := range sortedKeys(raw) {
		key := append(slices.Clone(table), name)
		l.prims[key.String()] = raw[name]
		dst, ok := fields[name]
		if !ok {
			l.problemf(key, "unknown key, allowed are %s", strings.Join(sortedKeys(fields), ", "))
			continue
		}
		l.assign(key, dst)
	}
}

// assign sets *dst to the value of key: a text, a list of texts, or a type
// that checks itself.
func (l *loader) assign(key toml.Key, dst any) {
	var p peek
	_ = l.md.PrimitiveDecode(l.prims[key.String()], &p) // always errPeek
	switch dst := dst.(type) {
	case *string:
		s, ok := p.value.(string)
		if !ok || s == "" {
			l.problemf(key, "found %s, allowed is a text", kindOf(p.value))
			return
		}
		*dst = s
	case *[]string:
		if list, ok := l.list(key, p.value); ok {
			*dst = list
		}
	case map[string]any:
		if sub, ok := l.table(key, l.prims[key.String()], "["+key.String()+"]"); ok {
			l.read(key, sub, dst)
		}
	case *[]Addr:
		if s, ok := p.value.(string); ok && s != "" {
			p.value = []any{s} // one is a list of one
		}
		assignList(l, key, p.value, dst)
	case *[]Protocol:
		assignList(l, key, p.value, dst)
	case *[]TrustedNetwork:
		l.trusted(key, p.value, dst)
	case *[]Network:
		assignList(l, key, p.value, dst)
	case encoding.TextUnmarshaler:
		switch v := p.value.(type) {
		case string:
			l.unmarshal(key, v, dst)
		case int64: // max_size = 0 is as good as "0"
			l.unmarshal(key, strconv.FormatInt(v, 10), dst)
		case time.Time:
			if _, ok := dst.(*Date); !ok {
				l.problemf(key, "found %s, allowed is a text", kindOf(v))
				return
			}
			l.unmarshal(key, v.Format(time.DateOnly), dst)
		case bool:
			if _, ok := dst.(*Switch); !ok {
				l.problemf(key, "found %s, allowed is a text", kindOf(v))
				return
			}
			l.unmarshal(key, strconv.FormatBool(v), dst)
		default:
			l.problemf(key, "found %s, allowed is a text", kindOf(v))
		}
	default:
		panic(fmt.Sprintf("configuration key %s has the unknown type %T", key, dst))
	}
}

// assignList sets *dst to a list of texts whose type checks itself.
func assignList[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](l *loader, key toml.Key, v any, dst *[]T) {
	list, ok := l.list(key, v)
	if !ok {
		return
	}
	*dst = make([]T, len(list))
	for i, s := range list {
		l.unmarshal(key, s, P(&(*dst)[i]))
	}
}

func (l *loader) unmarshal(key toml.Key, s string, dst encoding.TextUnmarshaler) {
	if err := dst.UnmarshalText([]byte(s)); err != nil {
		l.problemf(key, "%v", err)
	}
}

// list takes an array of texts.
func (l *loader) list(key toml.Key, v any) ([]string, bool) {
	items, ok := v.([]any)
	if !ok {
		l.problemf(key, "found %s, allowed is a list of texts", kindOf(v))
		return nil, false
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := item.(string)
		if !ok || s == "" {
			l.problemf(key, "found %s in the list, allowed are texts", kindOf(item))
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

// kindOf names what stands in the file. Values are not repeated here: one in
// the wrong place may be a secret.
func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		if v == "" {
			return "an empty text"
		}
		return "a text"
	case int64:
		return "the number " + strconv.FormatInt(v, 10)
	case float64:
		return "the number " + strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	case []map[string]any:
		return "a list of tables"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// resolvePaths makes relative paths start at the directory of the file.
func (l *loader) resolvePaths(c *Config) {
	dir, err := filepath.Abs(filepath.Dir(l.file))
	if err != nil {
		dir = filepath.Dir(l.file)
	}
	resolve := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	resolve(&c.StateDir)
	resolve(&c.TLS.CertFile)
	resolve(&c.TLS.KeyFile)
	for name, a := range c.Apps {
		resolve(&a.ClientSecretFile)
		resolve(&a.CertificateFile)
		resolve(&a.CertificateKeyFile)
		resolve(&a.CertificatePasswordFile)
		resolve(&a.FederatedTokenFile)
		resolve(&a.CAFile)
		c.Apps[name] = a
	}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
