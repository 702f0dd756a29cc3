package bridge

import (
	"path/filepath"
	"strings"
	"testing"
)

// odd are names that try to lead elsewhere.
var odd = []string{
	"../../etc/passwd", "..", ".", "/etc/passwd", "a/../../b", `..\..\x`, "a\x00b", "~root", "-rf", "con:", strings.Repeat("x", 5000), "",
	".hidden", "a\nb", "%2e%2e%2f", "\u2024\u2024/x", "user@example.com/../../x", "../user@example.com",
}

// TestNamesLeadNowhere: whatever an address or a user name is, its files lie where they
// belong, each in a directory of its own.
func TestNamesLeadNowhere(t *testing.T) {
	c := &Config{StateDir: "/var/lib/mail2graph"}
	seen := map[string]string{}
	for _, name := range odd {
		dir := c.MailboxDir(name)
		if filepath.Dir(dir) != "/var/lib/mail2graph/mailboxes" || strings.HasPrefix(filepath.Base(dir), ".") || strings.ContainsAny(dir, "\x00\n\\") || len(filepath.Base(dir)) > 200 {
			t.Errorf("%q: %q", name, dir)
		}
		if other, ok := seen[dir]; ok {
			t.Errorf("%q and %q share %s", name, other, dir)
		}
		seen[dir] = name
	}
}

// TestOddTableNames: NAME of a mailbox becomes part of a file name and of folder names.
// That of a login is a user name and may be anything on one line.
func TestOddTableNames(t *testing.T) {
	for _, kind := range []string{"app", "mailbox"} {
		for _, name := range append(odd, "a b", "a\tb", "Größe", "Other Users/x") {
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\x00", `\u0000`).Replace(name)
			_, err := parseConfig("c.toml", "["+kind+`."`+quoted+"\"]\n")
			if err == nil || name != "-rf" && !strings.Contains(err.Error(), "found the name") {
				t.Errorf("[%s.%q]: %v", kind, name, err)
			}
		}
	}
}
