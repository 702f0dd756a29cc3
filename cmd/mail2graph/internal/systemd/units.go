package systemd

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"unicode"
)

// Unit describes the service for its unit files.
type Unit struct {
	Binary string // absolute path of mail2graph
	Config string // absolute path of the configuration
	// User runs it; "": a user that systemd makes for the time of the run.
	User string
	// StateDir is a directory outside of /var/lib that must be writable; "": none.
	StateDir string
	// Credentials are files that systemd hands over, which the user of the service
	// need not be able to read.
	Credentials []Credential
	// Sockets has systemd open the well-known ports.
	Sockets bool
}

// Credential is one LoadCredential=.
type Credential struct{ Name, File string }

// File is a unit file with its name.
type File struct {
	Name string
	Text []byte
}

//go:embed units
var unitFiles embed.FS

var (
	userName       = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`)
	credentialName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,100}$`)
)

// hidden are the directories that ProtectHome= and PrivateTmp= take away.
var hidden = []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"}

// elsewhere says what to do about a path below one of them.
var elsewhere = map[string]string{
	"binary":          "copy it to /usr/local/bin and name that one with --binary",
	"config":          "move it to /etc/mail2graph and name it with --config",
	"state directory": "move it to /var/lib/mail2graph, the default, or another place below /var/lib",
}

func (u Unit) check() error {
	var errs []error
	path := func(what, s string) {
		if !filepath.IsAbs(s) || strings.ContainsFunc(s, unicode.IsControl) {
			errs = append(errs, fmt.Errorf("%s: found %q, needed is an absolute path", what, s))
		}
	}
	path("binary", u.Binary)
	path("config", u.Config)
	for what, s := range map[string]string{"binary": u.Binary, "config": u.Config, "state directory": u.StateDir} {
		for _, dir := range hidden {
			if strings.HasPrefix(filepath.Clean(s)+"/", dir) {
				errs = append(errs, fmt.Errorf("%s: found %q, which the unit cannot see: it has no access to %s; %s",
					what, s, strings.TrimSuffix(dir, "/"), elsewhere[what]))
			}
		}
	}
	if u.StateDir != "" {
		path("state directory", u.StateDir)
	}
	if u.User != "" && !userName.MatchString(u.User) {
		errs = append(errs, fmt.Errorf("user: found %q, allowed is the name of a user of this host", u.User))
	}
	for _, c := range u.Credentials {
		if !credentialName.MatchString(c.Name) {
			errs = append(errs, fmt.Errorf("credential: found the name %q, allowed are ASCII letters, digits, '.', '_' and '-'", c.Name))
		}
		path("credential "+c.Name, c.File)
	}
	return errors.Join(errs...)
}

// Files returns the unit files, the service first.
func (u Unit) Files() ([]File, error) {
	if err := u.check(); err != nil {
		return nil, err
	}
	t, err := template.New("").Funcs(template.FuncMap{"word": word, "path": escapePercent}).ParseFS(unitFiles, "units/*.tmpl")
	if err != nil {
		panic(err) // embedded: it parses or the build is broken
	}
	var files []File
	add := func(name, tmpl string, data any) error {
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, tmpl, data); err != nil {
			return err
		}
		files = append(files, File{name, b.Bytes()})
		return nil
	}
	// The service does not name its sockets (Sockets=): that would start those that
	// are not enabled too. Each names the service, and is passed if it is active.
	if err := add("mail2graph.service", "service.tmpl", u); err != nil {
		return nil, err
	}
	if !u.Sockets {
		return files, nil
	}
	for _, s := range sockets {
		if err := add(s.Unit, "socket.tmpl", s); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// socketUnit is one .socket; all sockets of a unit have one FileDescriptorName=.
type socketUnit struct {
	Unit, Name, Title string
	Ports             []int
}

// The names are those that serve knows its sockets by. RFC 8314 §7, RFC 6409 §3.1.
var sockets = []socketUnit{
	{"mail2graph-imap.socket", "imap", "IMAP, STARTTLS", []int{143}},
	{"mail2graph-imaps.socket", "imaps", "IMAP over TLS", []int{993}},
	{"mail2graph-smtp.socket", "smtp", "SMTP and submission, STARTTLS", []int{25, 587}},
	{"mail2graph-smtps.socket", "smtps", "submission over TLS", []int{465}},
}

// escapePercent keeps a path from being read as a specifier (systemd.unit(5)).
func escapePercent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// word makes one argument of a command line (systemd.service(5), "Command lines").
func word(s string) string {
	s = strings.ReplaceAll(escapePercent(s), "$", "$$")
	if !strings.ContainsAny(s, " \t\"'\\;") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
