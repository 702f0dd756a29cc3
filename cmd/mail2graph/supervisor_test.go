package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/graphstore/graphsim"
)

// asProgram makes the test binary be the program, for tests that need it as a
// process of its own.
const asProgram = "MAIL2GRAPH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// supervisor plays the part of systemd for one process: it opens sockets, hears
// notifications, and sends signals.
type supervisor struct {
	t       *testing.T
	dir     string
	notes   chan string
	cmd     *exec.Cmd
	err     *screen
	sockets map[string]*net.TCPListener
	ended   chan error
}

// newSupervisor opens a socket for each name.
func newSupervisor(t *testing.T, names ...string) *supervisor {
	t.Helper()
	s := &supervisor{t: t, dir: t.TempDir(), notes: make(chan string, 100), err: newScreen(), sockets: map[string]*net.TCPListener{}, ended: make(chan error, 1)}
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(s.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := notify.Read(buf)
			if err != nil {
				return
			}
			select {
			case s.notes <- string(buf[:n]):
			default: // nobody reads any more
			}
		}
	}()
	for _, name := range names {
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		s.sockets[name] = ln
	}
	return s
}

// start runs the program with the sockets in the given order.
func (s *supervisor) start(watchdog time.Duration, order []string, args ...string) {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	// LISTEN_PID is known only to the process itself.
	s.cmd = exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, self}, args...)...)
	s.cmd.Env = append(os.Environ(), asProgram+"=1", "NOTIFY_SOCKET="+filepath.Join(s.dir, "notify"),
		"LISTEN_FDS="+strconv.Itoa(len(order)), "LISTEN_FDNAMES="+strings.Join(order, ":"))
	if watchdog > 0 {
		s.cmd.Env = append(s.cmd.Env, "WATCHDOG_USEC="+strconv.FormatInt(watchdog.Microseconds(), 10))
	}
	for _, name := range order {
		f, err := s.sockets[name].File()
		if err != nil {
			s.t.Fatal(err)
		}
		defer f.Close()
		s.cmd.ExtraFiles = append(s.cmd.ExtraFiles, f)
	}
	s.cmd.Stderr = s.err
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	s.t.Cleanup(func() {
		s.cmd.Process.Kill()
		if s.t.Failed() {
			s.t.Logf("standard error of the program:\n%s", s.err)
		}
	})
}

// note waits for a notification that contains text; others go by.
func (s *supervisor) note(text string) string {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case n := <-s.notes:
			if strings.Contains(n, text) {
				return n
			}
		case err := <-s.ended:
			s.t.Fatalf("it ended (%v) while %q was waited for:\n%s", err, text, s.err)
		case <-deadline:
			s.t.Fatalf("waited in vain for %q:\n%s", text, s.err)
		}
	}
}

func (s *supervisor) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// house is a configuration on disk over a simulator.
type house struct {
	t      *testing.T
	dir    string
	sim    *graphsim.Running
	logins map[string]string // password by name
	second string            // address of a second mailbox, which all logins open then
	extra  string            // text at the beginning of the file
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), sim: graphsim.NewTest(t, graphsim.Options{Seed: 1}), logins: map[string]string{"first": "one"}}
	h.sim.AddApp(graphsim.App{Tenant: demoTenant, ClientID: demoClient, Secret: demoSecret, Roles: []string{"Mail.ReadWrite", "Mail.Send"}})
	if _, err := h.sim.AddMailbox(bedUser, graphsim.MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	h.file("ca.pem", h.sim.CAPEM)
	h.certificate("cert one")
	return h
}

func (h *house) path() string { return filepath.Join(h.dir, "config.toml") }

func (h *house) file(name string, text []byte) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), text, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// certificate writes a new one for the listeners.
func (h *house) certificate(name string) {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * 24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	h.file("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	h.file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// write writes the configuration as it is to be.
func (h *house) write() {
	h.t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "state_dir = \"state\"\n%s\n[imap]\nlisten = [\"127.0.0.1:0\"]\n[smtp]\nlisten = [\"127.0.0.1:0\"]\n", h.extra)
	fmt.Fprintf(&b, "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n")
	fmt.Fprintf(&b, "[app.main]\ntenant_id = %q\nclient_id = %q\nclient_secret = %q\nauthority_host = %q\ngraph_endpoint = %q\nca_file = \"ca.pem\"\n",
		demoTenant, demoClient, demoSecret, h.sim.URL, h.sim.URL)
	fmt.Fprintf(&b, "[mailbox.main]\naddress = %q\napp = \"main\"\n", bedUser)
	mailbox := "main"
	if h.second != "" {
		mailbox = "second"
		fmt.Fprintf(&b, "[mailbox.second]\naddress = %q\napp = \"main\"\n", h.second)
	}
	for name, password := range h.logins {
		hash, err := bridge.HashPassword(password)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&b, "[login.%s]\npassword_hash = %q\nmailbox = %q\n", name, hash, mailbox)
	}
	h.file("config.toml", b.Bytes())
}

// imapAt opens a plain connection to a socket.
func (s *supervisor) imapAt(name string) *session {
	s.t.Helper()
	talk, err := dialTalk(s.sockets[name].Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { talk.conn.Close() })
	return &session{talk, s.t}
}

// certificateAt is the name in the certificate that a TLS socket shows.
func (s *supervisor) certificateAt(name string) string {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.sockets[name].Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestSupervised runs the program as systemd does: sockets, readiness, watchdog,
// reload and stop.
func TestSupervised(t *testing.T) {
	h := newHouse(t)
	h.write()
	s := newSupervisor(t, "imap", "imaps", "smtp")
	s.start(3*time.Second, []string{"smtp", "imaps", "imap"}, "serve", "--config", h.path())
	if n := s.note("READY=1"); !strings.Contains(n, "STATUS=serving 1 mailbox(es) for 1 login(s)") {
		t.Errorf("readiness: %q", n)
	}
	for range 2 {
		s.note("WATCHDOG=1")
	}
	old := s.imapAt("imap")
	old.ok("LOGIN first one")
	old.ok("SELECT INBOX")
	if got := s.certificateAt("imaps"); got != "cert one" {
		t.Errorf("certificate %q", got)
	}
	talk, err := net.Dial("tcp", s.sockets["smtp"].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer talk.Close()
	if line := make([]byte, 4); true {
		if _, err := talk.Read(line); err != nil || string(line) != "220 " {
			t.Errorf("SMTP greets %q, %v", line, err)
		}
	}
	s.reloads(h, old)
	s.refusals(h, old)

	s.signal(syscall.SIGTERM)
	s.note("STOPPING=1")
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(patience):
		t.Error("it does not stop")
	}
	if text := s.err.String(); strings.Contains(text, "self-check") || strings.Contains(text, "remote=pipe") {
		t.Errorf("the self-check fills the log:\n%s", text)
	}
}

// reloads changes mailboxes, logins, certificate and level under a session that
// stays.
func (s *supervisor) reloads(h *house, old *session) {
	t := s.t
	h.logins, h.second = map[string]string{"second": "two"}, "second@example.com"
	box, err := h.sim.AddMailbox(h.second, graphsim.MailboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.Deliver(bedMail(1), graphsim.DeliverOptions{}); err != nil {
		t.Fatal(err)
	}
	h.certificate("cert two")
	h.extra = "[log]\nlevel = \"debug\"\n[cache]\nmax_size = \"1MB\""
	h.write()
	s.signal(syscall.SIGHUP)
	if n := s.note("RELOADING=1"); !strings.Contains(n, "MONOTONIC_USEC=") {
		t.Errorf("reload: %q", n)
	}
	if n := s.note("READY=1"); !strings.HasSuffix(n, "a restart is needed for changes of [cache]") {
		t.Errorf("after the reload: %q", n)
	}
	old.ok("NOOP") // and the log tells that it goes on without its login
	s.err.awaitText(t, `logins="first (1)"`)
	s.imapAt("imap").no("AUTHENTICATIONFAILED", "LOGIN first one")
	added := s.imapAt("imap")
	added.ok("LOGIN second two")
	if a := added.ok("SELECT INBOX"); len(a.with("1 EXISTS")) == 0 {
		t.Errorf("the mailbox that was added: %v", a.lines)
	}
	if got := s.certificateAt("imaps"); got != "cert two" {
		t.Errorf("certificate after the reload: %q", got)
	}
	s.note("WATCHDOG=1") // the self-check's login outlives the reload
	s.err.awaitText(t, "level=DEBUG")
}

// refusals offers a bad configuration: nothing of it is taken.
func (s *supervisor) refusals(h *house, old *session) {
	t := s.t
	h.logins = map[string]string{"third": "three"}
	h.extra = "[log]\nlevel = \"loud\"\ncolour = true"
	h.write()
	s.signal(syscall.SIGHUP)
	s.note("RELOADING=1")
	if n := s.note("READY=1"); !strings.Contains(n, "refused") {
		t.Errorf("after a bad configuration: %q", n)
	}
	for _, want := range []string{"log.level: found", "log.colour: unknown key"} {
		s.err.awaitText(t, want)
	}
	old.ok("NOOP")
	s.imapAt("imap").ok("LOGIN second two")
	s.imapAt("imap").no("AUTHENTICATIONFAILED", "LOGIN third three")
}

// TestSupervisedWrongSocket: a socket that is for nothing is named.
func TestSupervisedWrongSocket(t *testing.T) {
	h := newHouse(t)
	h.write()
	s := newSupervisor(t, "pop3")
	s.start(0, []string{"pop3"}, "serve", "--config", h.path())
	if err := <-s.ended; err == nil {
		t.Error("it starts")
	}
	if !strings.Contains(s.err.String(), `socket "pop3"`) {
		t.Errorf("standard error:\n%s", s.err)
	}
}
