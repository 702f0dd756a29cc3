package systemd

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// variants are the forms of the units that an operator may ask for.
var variants = map[string]Unit{
	"dynamic": {Binary: "/usr/local/bin/mail2graph", Config: "/etc/mail2graph/config.toml"},
	"sockets": {Binary: "/usr/local/bin/mail2graph", Config: "/etc/mail2graph/config.toml", User: "mail2graph", Sockets: true},
	"odd": {
		Binary: "/opt/50% off/$x/mail2graph", Config: `/etc/my "mail"/c\d;.toml`, User: "mail2graph", StateDir: "/srv/100%/state",
		Credentials: []Credential{{"contoso", "/etc/mail2graph/contoso.secret"}},
	},
}

func TestUnitsGolden(t *testing.T) {
	for name, u := range variants {
		files, err := u.Files()
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, f := range files {
			all.WriteString("==> " + f.Name + " <==\n" + string(f.Text))
		}
		golden := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if all.String() != string(want) {
			t.Errorf("%s differs; run go test -update and look at the change:\n%s", golden, &all)
		}
	}
}

func TestUnitMistakes(t *testing.T) {
	for _, tc := range []struct {
		name string
		u    Unit
		want string
	}{
		{"relative binary", Unit{Binary: "mail2graph", Config: "/c"}, "binary"},
		{"relative config", Unit{Binary: "/b", Config: "c"}, "config"},
		{"line end in a path", Unit{Binary: "/b", Config: "/c\nUser=root"}, "config"},
		{"binary in a home", Unit{Binary: "/home/me/mail2graph", Config: "/c"}, "no access to /home; copy it to /usr/local/bin"},
		{"config in a home", Unit{Binary: "/b", Config: "/opt/../root/c"}, "no access to /root; move it to /etc/mail2graph"},
		{"state that goes away", Unit{Binary: "/b", Config: "/c", StateDir: "/tmp/state"}, "no access to /tmp; move it to /var/lib"},
		{"user", Unit{Binary: "/b", Config: "/c", User: "a b"}, "user"},
		{"credential's name", Unit{Binary: "/b", Config: "/c", Credentials: []Credential{{"../x", "/f"}}}, "credential"},
		{"credential's file", Unit{Binary: "/b", Config: "/c", Credentials: []Credential{{"x", "f"}}}, "credential x"},
		{"state directory", Unit{Binary: "/b", Config: "/c", StateDir: "state"}, "state directory"},
	} {
		if files, err := tc.u.Files(); err == nil || !strings.Contains(err.Error(), tc.want) || files != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestAnalyze lets systemd itself judge the units.
func TestAnalyze(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	binary, err := exec.LookPath("true") // any program that is there
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []Unit{
		{Binary: binary, Config: "/etc/mail2graph/config.toml"},
		{Binary: binary, Config: "/etc/mail2graph/config.toml", User: "daemon", Sockets: true},
	} {
		dir := t.TempDir()
		files, err := u.Files()
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, f := range files {
			paths = append(paths, filepath.Join(dir, f.Name))
			if err := os.WriteFile(paths[len(paths)-1], f.Text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command(tool, append([]string{"verify", "--man=no"}, paths...)...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "mail2graph") {
			t.Errorf("verify: %v\n%s", err, out)
		}
		out, err = exec.Command(tool, "security", "--offline=true", "--no-pager", paths[0]).CombinedOutput()
		if err != nil {
			t.Fatalf("security: %v\n%s", err, out)
		}
		m := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("security tells no level:\n%s", out)
		}
		if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > 1.5 {
			t.Errorf("exposure level %s, want at most 1.5:\n%s", m[1], out)
		} else {
			t.Logf("exposure level %v", level)
		}
	}
}
