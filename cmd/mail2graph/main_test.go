package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mail2graph/bridge"
)

func TestCommandLines(t *testing.T) {
	good := filepath.Join("..", "..", "config.example.toml")
	bad := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(bad, []byte("[log]\nlevel = \"loud\"\ncolour = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		args     []string
		code     int
		out, err string // what each contains; "": nothing
	}{
		{"nothing", nil, 2, "", "usage:"},
		{"-h", []string{"-h"}, 0, "usage:", ""},
		{"unknown command", []string{"run"}, 2, "", `unknown command "run"`},
		{"version", []string{"version"}, 0, "mail2graph ", ""},
		{"version with argument", []string{"version", "x"}, 2, "", `unexpected argument "x"`},
		{"help", []string{"help"}, 0, "explain: alerts, append, clients", ""},
		{"help topic", []string{"help", "config"}, 0, "# config:", ""},
		{"help unknown", []string{"help", "me"}, 2, "", "topics are alerts, append, clients"},
		{"help path", []string{"help", "../main"}, 2, "", "topics are"},
		{"check", []string{"check", "--config", good}, 0, "good: 1 app(s), 1 mailbox(es), 1 login(s)", "warning: "},
		{"check bad", []string{"check", "--config", bad}, 1, "", "bad.toml:3: log.colour: unknown key"},
		{"check without file", []string{"check"}, 2, "", "--config FILE is missing"},
		{"check missing file", []string{"check", "--config", bad + "x"}, 1, "", "no such file"},
		{"check -h", []string{"check", "-h"}, 0, "--config FILE", ""},
		{"serve without file", []string{"serve"}, 2, "", "--config FILE is missing"},
		{"serve bad", []string{"serve", "--config", bad}, 1, "", "bad.toml:2: log.level: found"},
		{"serve unknown flag", []string{"serve", "--conf", bad}, 2, "", "flag provided but not defined"},
		{"doctor without file", []string{"doctor"}, 2, "", "--config FILE is missing"},
		{"doctor bad", []string{"doctor", "--config", bad}, 1, "FAIL  config", "1 check(s) failed"},
		{"doctor bad, JSON", []string{"doctor", "--json", "--config", bad}, 1, `"status": "fail"`, "1 check(s) failed"},
		{"doctor, no address", []string{"doctor", "--config", good, "--send-to", "me"}, 2, "", `found "me"`},
		{"service print", []string{"service", "print", "--binary", "/b", "--credential", "x=/etc/x"}, 0, "\nLoadCredential=x:/etc/x\n", ""},
		{"service print sockets", []string{"service", "print", "--binary", "/b", "--sockets", "--user", "mail"}, 0, "FileDescriptorName=imaps\nListenStream=993\n", ""},
		{"service", []string{"service"}, 2, "", "allowed is service print"},
		{"service of another kind", []string{"service", "remove"}, 2, "", "allowed is service print"},
		{"service, bad user", []string{"service", "print", "--user", "a b"}, 2, "", "user: found"},
		{"service -h", []string{"service", "-h"}, 0, "--sockets", ""},
		{"setup", []string{"setup", "--tenant", "a.example", "--mailbox", "x@a.example", "--mailbox", "y@a.example"}, 0, "'y@a.example'", ""},
		{"setup without tenant", []string{"setup", "--mailbox", "x@a.example"}, 2, "", "--tenant: found"},
		{"setup unknown format", []string{"setup", "--format", "cmd"}, 2, "", "--format: found"},
		{"demo unknown flag", []string{"demo", "--port", "1"}, 2, "", "flag provided but not defined"},
		{"demo bad address", []string{"demo", "--imap", "1143"}, 2, "", "--imap: found"},
		{"demo for the network", []string{"demo", "--imap", ":1143"}, 2, "", "allowed are addresses of this host"},
		{"demo without messages", []string{"demo", "--messages", "0"}, 2, "", "allowed is 1 to"},
		{"demo -h", []string{"demo", "-h"}, 0, "--messages NUMBER", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errText := runWith(strings.NewReader(""), tc.args...)
			if code != tc.code {
				t.Errorf("exit status %d, want %d", code, tc.code)
			}
			for _, s := range []struct{ name, got, want string }{{"output", out, tc.out}, {"errors", errText, tc.err}} {
				if !strings.Contains(s.got, s.want) || s.want == "" && s.got != "" {
					t.Errorf("%s: got %q, want %q", s.name, s.got, s.want)
				}
			}
		})
	}
}

func TestHelpTopics(t *testing.T) {
	for _, topic := range topics() {
		code, out, _ := runWith(strings.NewReader(""), "help", topic)
		if code != 0 || !strings.HasPrefix(out, "# "+topic+":") {
			t.Errorf("%s: status %d, begins %.40q", topic, code, out)
		}
	}
}

func TestPasswd(t *testing.T) {
	for _, tc := range []struct {
		name, in, password string
	}{
		{"line", "secret\n", "secret"},
		{"line of Windows", "secret\r\n", "secret"},
		{"without end", "secret", "secret"},
		{"first line only", "secret\nmore\n", "secret"},
		{"spaces count", " se cret \n", " se cret "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errText := runWith(strings.NewReader(tc.in), "passwd")
			hash, ok := strings.CutSuffix(out, "\n")
			if code != 0 || !ok || strings.ContainsAny(hash, " \n") || errText != "" {
				t.Fatalf("status %d, output %q, errors %q", code, out, errText)
			}
			if !bridge.CheckPassword(hash, tc.password) {
				t.Errorf("the hash is not that of %q", tc.password)
			}
		})
	}
	for _, in := range []string{"", "\n"} {
		if code, out, _ := runWith(strings.NewReader(in), "passwd"); code != 1 || out != "" {
			t.Errorf("input %q: status %d, output %q", in, code, out)
		}
	}
}

func TestAskTwice(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []string
		ok      bool
	}{
		{"same", []string{"a", "a"}, true},
		{"different", []string{"a", "b"}, false},
		{"given up", []string{"a"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rest := tc.answers
			got, err := askTwice(func(string) (string, error) {
				if len(rest) == 0 {
					return "", io.EOF
				}
				answer := rest[0]
				rest = rest[1:]
				return answer, nil
			})
			if (err == nil) != tc.ok || tc.ok && got != "a" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestServeReportsTakenPorts(t *testing.T) {
	p := launch(t, "demo", "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--messages", "1")
	taken := p.doors(t)["imap"]
	code := run(context.Background(), []string{"demo", "--imap", taken, "--smtp", "127.0.0.1:0", "--messages", "1"},
		streams{strings.NewReader(""), io.Discard, p.err})
	if text := p.err.String(); code != 1 || !strings.Contains(text, "address already in use") {
		t.Errorf("status %d: %s", code, text)
	}
	if code := p.end(t); code != 0 {
		t.Errorf("the first one ends with %d", code)
	}
}
