package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mail2graph/graphstore/graphsim"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// doors waits until the demo is ready and returns the addresses by protocol.
func (p *process) doors(t *testing.T) map[string]string {
	t.Helper()
	text := p.out.await(t, "ready", func(s string) bool { return strings.Contains(s, " ready ") })
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`listening proto=(\w+) addr=(\S+)`).FindAllStringSubmatch(text, -1) {
		found[m[1]] = m[2]
	}
	if found["imap"] == "" || found["smtp"] == "" {
		t.Fatalf("no addresses in:\n%s", text)
	}
	return found
}

// dialIMAP logs in with a client that is not ours.
func dialIMAP(t *testing.T, addr, user, password string, o *imapclient.Options) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Login(user, password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// read fetches the whole of message n.
func read(t *testing.T, c *imapclient.Client, n uint32) string {
	t.Helper()
	section := &imap.FetchItemBodySection{Peek: true}
	msgs, err := c.Fetch(imap.SeqSetNum(n), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil || len(msgs) != 1 {
		t.Fatalf("message %d: %d answers, %v", n, len(msgs), err)
	}
	return string(msgs[0].FindBodySection(section))
}

// dialWatching is dialIMAP with a channel that hears of new messages.
func dialWatching(t *testing.T, addr string) (*imapclient.Client, <-chan struct{}) {
	t.Helper()
	news := make(chan struct{}, 100)
	c := dialIMAP(t, addr, demoAddress, demoPassword, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					news <- struct{}{}
				}
			},
		},
	})
	return c, news
}

// awaitMore waits in IDLE until the selected folder has more messages.
func awaitMore(t *testing.T, c *imapclient.Client, news <-chan struct{}) {
	t.Helper()
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-news:
	case <-time.After(patience):
		t.Error("nothing arrived")
	}
	if err := errors.Join(idle.Close(), idle.Wait()); err != nil {
		t.Fatal(err)
	}
}

// TestDemo starts and stops the demo twice in one process; each time a user
// reads, flags, and writes to himself.
func TestDemo(t *testing.T) {
	t.Parallel()
	for round := range 2 {
		t.Run(fmt.Sprint("round ", round+1), func(t *testing.T) {
			ca := filepath.Join(t.TempDir(), "ca.pem")
			p := launch(t, "demo", "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--messages", "40", "--ca-out", ca)
			doors := p.doors(t)
			if pem, err := os.ReadFile(ca); err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
				t.Errorf("--ca-out: %v", err)
			}
			c, news := dialWatching(t, doors["imap"])
			box, err := c.Select("INBOX", nil).Wait()
			if err != nil || box.NumMessages == 0 {
				t.Fatalf("INBOX: %+v, %v", box, err)
			}
			if text := read(t, c, 1); !strings.Contains(text, "\r\n\r\n") {
				t.Errorf("message 1 is %q", text)
			}
			store := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}
			if err := c.Store(imap.SeqSetNum(1), store, nil).Close(); err != nil {
				t.Error(err)
			}
			sendToSelf(t, doors["smtp"], "to myself")
			awaitMore(t, c, news)
			if text := read(t, c, box.NumMessages+1); !strings.Contains(text, "Subject: to myself\r\n") {
				t.Errorf("what arrived is %q", text)
			}
			for _, event := range []string{"logged in proto=imap", "logged in proto=smtp", "message sent", "delivery from " + demoAddress, "graph PATCH "} {
				p.out.awaitText(t, event)
			}
			if code := p.end(t); code != 0 {
				t.Errorf("exit status %d: %s", code, p.err)
			}
			if text := p.err.String(); text != "" {
				t.Errorf("standard error: %s", text)
			}
		})
	}
}

func sendToSelf(t *testing.T, addr, subject string) {
	t.Helper()
	auth := smtp.PlainAuth("", demoAddress, demoPassword, "127.0.0.1")
	text := "From: " + demoAddress + "\r\nTo: " + demoAddress + "\r\nSubject: " + subject + "\r\n\r\nhello\r\n"
	if err := smtp.SendMail(addr, auth, demoAddress, []string{demoAddress}, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestDemoKeepsState: with --state UIDs are the same after a restart, and a
// message of this run is not taken for one of the last.
func TestDemoKeepsState(t *testing.T) {
	t.Parallel()
	args := []string{"demo", "--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--messages", "20", "--state", t.TempDir()}
	var before string
	for round := range 2 {
		p := launch(t, args...)
		doors := p.doors(t)
		c, news := dialWatching(t, doors["imap"])
		box, err := c.Select("INBOX", nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		after := fmt.Sprint(box.UIDValidity, ": ", found.AllUIDs())
		if round > 0 && after != before {
			t.Errorf("before the restart %s, after it %s", before, after)
		}
		before = after
		subject := fmt.Sprint("round ", round)
		sendToSelf(t, doors["smtp"], subject)
		awaitMore(t, c, news)
		sent, err := c.Select("Sent Items", nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if text := read(t, c, sent.NumMessages); !strings.Contains(text, "Subject: "+subject+"\r\n") {
			t.Errorf("the last of %d messages in Sent Items is %q", sent.NumMessages, text)
		}
		file(t, c, "Archive", subject, 40) // faster than one in a second
		archive, err := c.Select("Archive", nil).Wait()
		if err != nil {
			t.Fatal(err)
		}
		for n := archive.NumMessages - 39; n <= archive.NumMessages; n++ {
			if text := read(t, c, n); !strings.HasPrefix(text, "Subject: "+subject+"\r\n") {
				t.Fatalf("message %d of %d in Archive is %q", n, archive.NumMessages, text)
			}
		}
		if code := p.end(t); code != 0 {
			t.Fatalf("exit status %d: %s", code, p.err)
		}
	}
}

// file appends n small messages to a folder.
func file(t *testing.T, c *imapclient.Client, folder, subject string, n int) {
	t.Helper()
	for range n {
		text := "Subject: " + subject + "\r\n\r\nx\r\n"
		w := c.Append(folder, int64(len(text)), nil)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestServe runs the configuration of an operator against a Graph on https with
// a certificate of its own.
func TestServe(t *testing.T) {
	t.Parallel()
	sim := graphsim.New(graphsim.Options{Seed: 7})
	sim.AddApp(graphsim.App{Tenant: "contoso.example", ClientID: "router", Secret: "s3cret", Roles: []string{"Mail.ReadWrite", "Mail.Send"}})
	mb, err := sim.AddMailbox("support@contoso.example", graphsim.MailboxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mb.Deliver([]byte("From: a@example.org\r\nSubject: help\r\n\r\nplease\r\n"), graphsim.DeliverOptions{}); err != nil {
		t.Fatal(err)
	}
	graph, err := sim.Start("")
	if err != nil {
		t.Fatal(err)
	}
	defer graph.Close()

	_, hash, _ := runWith(strings.NewReader("letmein\n"), "passwd")
	dir := t.TempDir()
	cert, key, pool := testCertificate(t)
	for name, text := range map[string]string{
		"ca.pem":   string(graph.CAPEM),
		"secret":   "s3cret\n",
		"cert.pem": cert,
		"key.pem":  key,
		"c.toml": `state_dir = "state"
[log]
format = "json"
[imap]
listen = ["127.0.0.1:0"]
listen_tls = ["127.0.0.1:0"]
[smtp]
listen = []
listen_tls = ["127.0.0.1:0"]
[tls]
cert_file = "cert.pem"
key_file = "key.pem"
[app.contoso]
tenant_id = "contoso.example"
client_id = "router"
client_secret_file = "secret"
authority_host = "` + graph.URL + `"
graph_endpoint = "` + graph.URL + `"
ca_file = "ca.pem"
[mailbox.support]
address = "support@contoso.example"
app = "contoso"
[login.support]
password_hash = "` + strings.TrimSpace(hash) + `"
mailbox = "support"
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := launch(t, "serve", "--config", filepath.Join(dir, "c.toml"))
	p.err.awaitText(t, `"msg":"ready"`)
	doors := logged(t, p.err.String(), "listening")
	c := dialIMAP(t, doors[0]["addr"].(string), "SUPPORT", "letmein", nil)
	if box, err := c.Select("INBOX", nil).Wait(); err != nil || box.NumMessages != 1 {
		t.Fatalf("INBOX: %+v, %v", box, err)
	}
	if text := read(t, c, 1); !strings.Contains(text, "Subject: help\r\n") {
		t.Errorf("message: %q", text)
	}
	for i, want := range []string{"* OK ", "220 "} {
		greeting, err := greet(doors[i+1]["addr"].(string), &tls.Config{RootCAs: pool, ServerName: "gateway.example"})
		if err != nil || !strings.HasPrefix(greeting, want) {
			t.Errorf("TLS: %q, %v, want %q", greeting, err, want)
		}
	}
	if code := p.end(t); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for _, secret := range []string{"s3cret", "letmein", "please"} {
		if strings.Contains(p.err.String(), secret) {
			t.Errorf("the log shows %q:\n%s", secret, p.err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "state")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state_dir: %v, %v", info, err)
	}
}

// logged finds the JSON lines with a message.
func logged(t *testing.T, log, msg string) (lines []map[string]any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(log))
	for {
		var line map[string]any
		if err := dec.Decode(&line); err == io.EOF {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		if line["msg"] == msg {
			lines = append(lines, line)
		}
	}
}

// greet reads the first line of a server behind TLS.
func greet(addr string, cfg *tls.Config) (string, error) {
	nc, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	return bufio.NewReader(nc).ReadString('\n')
}

// testCertificate makes a certificate for gateway.example and its key, PEM.
func testCertificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gateway.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(cert))
	return cert, key, pool
}
