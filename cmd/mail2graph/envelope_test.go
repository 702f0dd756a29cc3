package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/mail"
	"net/smtp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mail2graph/bridge"
)

// letterMaker makes random messages with random envelopes.
type letterMaker struct{ rnd *rand.Rand }

func (l *letterMaker) person() string {
	return fmt.Sprintf("%c%d@%s", 'a'+rune(l.rnd.IntN(5)), l.rnd.IntN(9), []string{"example.org", "example.net", "Example.COM"}[l.rnd.IntN(3)])
}

// written is an address in one of the forms that programs and people write.
func (l *letterMaker) written(a string) string {
	forms := []string{
		a, "<" + a + ">", "A B <" + a + ">", `"A, B" <` + a + ">", `"x@y.example" <` + a + ">", "=?utf-8?q?J=C3=B6rg=2C_x?= <" + a + ">",
		a + " (a, comment)", "A <" + a + "> (b)", "J. Q. Public <" + a + ">", "\r\n\t<" + a + ">", `"A \" B" <` + a + ">", "\xe4\xf6 <" + a + ">",
	}
	return forms[l.rnd.IntN(len(forms))]
}

// field is an address field that names people, some of them in groups.
func (l *letterMaker) field(name string, people []string) string {
	var items []string
	for len(people) > 0 {
		n := 1
		item := l.written(people[0])
		if l.rnd.IntN(5) == 0 {
			n = 1 + l.rnd.IntN(len(people))
			var members []string
			for _, p := range people[:n] {
				members = append(members, l.written(p))
			}
			item = []string{"Team: ", `"A, B": `, "undisclosed-recipients:"}[l.rnd.IntN(3)] + strings.Join(members, ", ") + ";"
		}
		items = append(items, item)
		people = people[n:]
	}
	if l.rnd.IntN(8) == 0 {
		items = append(items, []string{"nobody:;", "", "undisclosed-recipients: ;"}[l.rnd.IntN(3)])
	}
	return name + ": " + strings.Join(items, []string{", ", ",", ",\r\n "}[l.rnd.IntN(3)]) + "\r\n"
}

// some is a random part of a list, with strangers among it.
func (l *letterMaker) some(list []string) (out []string) {
	for _, a := range list {
		if l.rnd.IntN(3) == 0 {
			out = append(out, a)
		}
	}
	for range l.rnd.IntN(3) {
		out = append(out, l.person())
	}
	return out
}

// letter is a message, whom To and Cc of it name, and its envelopes: as Postfix and
// Exim do, one message may come in several transactions.
func (l *letterMaker) letter(serial int) (text string, named []string, envelopes [][]string) {
	var all []string
	for range 1 + l.rnd.IntN(12) {
		if p := l.person(); !slices.ContainsFunc(all, func(r string) bool { return strings.EqualFold(r, p) }) {
			all = append(all, p)
		}
	}
	var head strings.Builder
	for _, name := range []string{"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc", "to", "CC"} {
		if l.rnd.IntN(3) == 0 {
			continue
		}
		people := l.some(all)
		if name = strings.TrimSpace(name); strings.EqualFold(name, "to") || strings.EqualFold(name, "cc") {
			named = append(named, people...)
		}
		head.WriteString(l.field(name, people))
	}
	messageID := ""
	if l.rnd.IntN(4) > 0 {
		messageID = fmt.Sprintf("Message-ID: <%d@example.com>\r\n", serial/3) // some have the same one
	}
	text = fmt.Sprintf("From: %s\r\n%s%sSubject: message %d\r\nX-Serial: %d\r\n\r\n%s", bedUser, head.String(), messageID, serial, serial,
		strings.Repeat("line\r\n", l.rnd.IntN(100)))
	for len(all) > 0 {
		n := len(all)
		if l.rnd.IntN(4) == 0 {
			n = 1 + l.rnd.IntN(n)
		}
		envelopes, all = append(envelopes, all[:n]), all[n:]
	}
	return text, named, envelopes
}

// tally counts addresses without regard to letter case.
func tally(counts map[string]int, addresses ...string) {
	for _, a := range addresses {
		counts[strings.ToLower(a)]++
	}
}

// TestEnvelopes: what the service delivers is what the envelopes say, whoever the
// messages name.
func TestEnvelopes(t *testing.T) {
	n := 240
	if testing.Short() {
		n = 60
	}
	for _, policy := range []bridge.HeaderRecipients{bridge.HeaderStrict, bridge.HeaderTrust} {
		t.Run(string(policy), func(t *testing.T) {
			b := newBed(t)
			l, m := b.cfg.Logins["u"], b.cfg.Mailboxes["demo"]
			l.HeaderRecipients, m.MaxRecipients = policy, 7
			b.cfg.Logins["u"], b.cfg.Mailboxes["demo"] = l, m
			b.cfg.SMTP.PerMinute = 0
			b.cfg.SMTP.FirstAttempt = bridge.Duration(60e9)
			b.start()
			var mu sync.Mutex // guards want
			want := map[int]map[string]int{}
			var wg sync.WaitGroup
			for worker := range 3 {
				wg.Go(func() {
					maker := &letterMaker{rand.New(rand.NewPCG(uint64(worker), 1))}
					for serial := worker; serial < n; serial += 3 {
						text, named, envelopes := maker.letter(serial)
						counts := map[string]int{}
						for _, rcpts := range envelopes {
							if err := smtp.SendMail(b.smtp, smtp.PlainAuth("", bedUser, bedPassword, "127.0.0.1"), bedUser, rcpts, []byte(text)); err != nil {
								t.Errorf("message %d to %q: %v\n%s", serial, rcpts, err, text)
							}
							each := map[string]int{}
							tally(each, rcpts...)
							if policy == bridge.HeaderTrust {
								tally(each, named...)
							}
							for a := range each {
								counts[a]++
							}
						}
						mu.Lock()
						want[serial] = counts
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			b.stop()
			got := map[int]map[string]int{}
			for _, d := range b.sim.Deliveries() {
				m, err := mail.ReadMessage(strings.NewReader(string(d.MIME)))
				if err != nil {
					t.Fatal(err)
				}
				serial, err := strconv.Atoi(m.Header.Get("X-Serial"))
				if err != nil || m.Header.Get("Bcc") != "" || len(d.Recipients) > 7 {
					t.Errorf("delivered to %q:\n%s", d.Recipients, d.MIME)
				}
				if got[serial] == nil {
					got[serial] = map[string]int{}
				}
				tally(got[serial], d.Recipients...)
			}
			for serial, counts := range want {
				if !maps.Equal(got[serial], counts) {
					t.Errorf("message %d was delivered to %v, its envelopes say %v", serial, got[serial], counts)
				}
			}
			t.Logf("%d messages in %d deliveries", n, len(b.sim.Deliveries()))
			if d := b.box.Messages("drafts"); len(d) > 0 {
				t.Errorf("%d drafts stay", len(d))
			}
		})
	}
}
