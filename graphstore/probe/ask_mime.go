package probe

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// letter is a message from the mailbox to nobody who exists (RFC 2606).
func (p *prober) letter(subject, fields, body string) string {
	return "From: <" + p.Mailbox + ">\r\nTo: <nobody@example.invalid>\r\nSubject: " + subject + "\r\nDate: " +
		time.Now().Format(time.RFC1123Z) + "\r\nMIME-Version: 1.0\r\n" + fields + "\r\n" + body
}

const plain = "Content-Type: text/plain; charset=us-ascii\r\n"

// samples are messages whose octets are compared with what comes back.
var samples = []struct{ name, fields, body string }{
	{"plain text", plain, "one line\r\n"},
	{"8-bit", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "Größe: 5 €\r\n"},
	{"format=flowed", "Content-Type: text/plain; charset=us-ascii; format=flowed\r\n", "a line that flows \r\nover two\r\n-- \r\nme\r\n"},
	{"quoted-printable", "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n", "Gr=F6=DFe =\r\nfolded\r\n"},
	{"odd boundary", "Content-Type: multipart/mixed; boundary=\"=_'()+,-./:=? x\"\r\n",
		"preamble\r\n--=_'()+,-./:=? x\r\n\r\npart\r\n--=_'()+,-./:=? x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n" +
			"Content-Disposition: attachment; filename=a.bin\r\n\r\nAAEC\r\n--=_'()+,-./:=? x--\r\nepilogue\r\n"},
}

func octets(ctx context.Context, p *prober, c *Check) {
	var told []string
	good := 0
	for _, sample := range samples {
		sent := p.letter(sample.name, "Message-ID: <"+FolderName()[17:]+"@example.invalid>\r\n"+sample.fields, sample.body)
		m, s := p.newDraft(ctx, sent)
		if !s.ok() {
			told = append(told, sample.name+": "+s.String())
			continue
		}
		var sums []string
		read := func() {
			got, s := p.text(ctx, m.ID)
			if !s.ok() {
				sums = append(sums, s.String())
				return
			}
			sum := md5.Sum(got)
			sums = append(sums, hex.EncodeToString(sum[:4])+" "+compare([]byte(sent), got))
		}
		read()
		read()
		p.patch(ctx, m.ID, map[string]any{"flag": map[string]any{"flagStatus": "flagged"}})
		read()
		p.ask(ctx, "POST", p.msg(m.ID)+"/move", map[string]any{"destinationId": p.root}, nil)
		read()
		good++
		told = append(told, fmt.Sprintf("%s: first %s, again %s, flagged %s, moved %s", sample.name, sums[0], sums[1], sums[2], sums[3]))
	}
	if good == 0 {
		c.unclear("%s", strings.Join(told, "; "))
		return
	}
	c.note("%s", strings.Join(told, "; "))
}

// compare tells how far what came back is what was sent.
func compare(sent, got []byte) string {
	body := func(b []byte) []byte {
		_, after, _ := bytes.Cut(b, []byte("\r\n\r\n"))
		return bytes.TrimRight(after, "\r\n")
	}
	switch {
	case bytes.Equal(sent, got):
		return "(the same octets)"
	case bytes.Equal(body(sent), body(got)):
		return "(another header)"
	}
	return "(another body)"
}

// sizes makes drafts of growing size. Each is removed at the end.
func sizes(ctx context.Context, p *prober, c *Check) {
	var told []string
	good := true
	for _, size := range []int{2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_500_000} {
		text := p.letter("size", plain, "")
		room := size/4*3 - len(text)
		text += strings.Repeat(strings.Repeat("x", 74)+"\r\n", room/76+1)[:room]
		m, s := p.newDraft(ctx, text)
		told = append(told, fmt.Sprintf("%.1f MB: %s", float64(size)/1e6, s))
		made := s.Status == http.StatusCreated && m.ID != ""
		if s.ok() && !made {
			told[len(told)-1] += ", but nothing was made"
		}
		good = good && (made || size > 3_000_000)
	}
	var m message
	imported := p.ask(ctx, "POST", "/beta"+p.dir(p.root)+"/importMime", []byte(base64.StdEncoding.EncodeToString([]byte(p.letter("import", plain, "text\r\n")))), &m)
	p.keep(m.ID)
	c.judge(good, "base64 of %s; beta importMime: %s", strings.Join(told, ", "), imported)
}

func valueParts(ctx context.Context, p *prober, c *Check) {
	m, s := p.newDraft(ctx, p.letter("parts", samples[1].fields, strings.Repeat(samples[1].body, 50)))
	if !s.ok() {
		c.unclear("no message to work with: %s", s)
		return
	}
	got, partial := p.text(ctx, m.ID, "Range", "bytes=0-99")
	var answer struct {
		Responses []struct {
			Status int             `json:"status"`
			Body   json.RawMessage `json:"body"`
		} `json:"responses"`
	}
	batch := p.ask(ctx, "POST", "/$batch", map[string]any{"requests": []map[string]any{{"id": "1", "method": "GET", "url": p.msg(m.ID) + "/$value"}}}, &answer)
	in := "no answer in it"
	if len(answer.Responses) == 1 {
		r := answer.Responses[0]
		in = fmt.Sprintf("%d, a body of %d octets that begins %q", r.Status, len(r.Body), clip(string(r.Body), 20))
	}
	c.judge(partial.Status == http.StatusOK && len(got) > 100, "Range: %s with %d octets; $value in a batch: %s: %s", partial, len(got), batch, in)
}

// draftAndSend looks at what a draft of MIME keeps, and sends it where that is wanted.
func draftAndSend(ctx context.Context, p *prober, c *Check) {
	id := "<" + strings.ReplaceAll(FolderName(), " ", ".") + "@example.invalid>"
	to := "To: <" + p.SendTo + ">\r\n"
	if p.SendTo == "" {
		to = "To: <nobody@example.invalid>\r\n"
	}
	text := strings.Replace(p.letter("mail2graph doctor --probe", "Message-ID: "+id+"\r\nAuto-Submitted: auto-generated\r\n"+plain, "A test of sending; it can be deleted.\r\n"),
		"To: <nobody@example.invalid>\r\n", to, 1)
	withBcc, s := p.newDraft(ctx, strings.Replace(text, to, to+"Bcc: <bcc@example.invalid>\r\n", 1))
	if !s.ok() {
		c.unclear("no draft to work with: %s", s)
		return
	}
	sameID := withBcc.InternetMessageID == id
	told := fmt.Sprintf("Bcc of the draft: %d address(es); Message-ID kept %v", len(withBcc.Bcc), sameID)
	foreign, s := p.newDraft(ctx, strings.Replace(text, "From: <"+p.Mailbox+">", "From: <somebody@example.invalid>", 1))
	told += fmt.Sprintf("; a draft with a foreign From: %s", s)
	if s.ok() {
		p.purge(ctx, p.msg(foreign.ID))
	}
	good := len(withBcc.Bcc) == 1 && sameID
	if p.SendTo == "" {
		c.judge(good, "%s", told)
		c.Todo = "Say --send-to ADDRESS to have one message sent. " + c.Todo
		return
	}
	p.sendDraft(ctx, c, text, id, good, told)
}

// sendDraft sends a message to the one recipient, and looks for its copy in Sent Items.
func (p *prober) sendDraft(ctx context.Context, c *Check, text, id string, good bool, told string) {
	m, s := p.newDraft(ctx, text)
	if !s.ok() {
		c.unclear("%s; no draft to send: %s", told, s)
		return
	}
	sent := p.ask(ctx, "POST", p.msg(m.ID)+"/send", nil, nil)
	told += fmt.Sprintf("; send: %s", sent)
	kept := false
	for range 10 {
		_ = p.Pause(ctx, 2*time.Second)
		if now, s := p.get(ctx, m.ID); s.ok() && now.Draft != nil && !*now.Draft {
			kept = true
			told += "; the copy has the draft's id and is in " + p.where(ctx, now.Parent)
			break
		}
	}
	if !kept {
		var r rows
		p.ask(ctx, "GET", p.user+"/mailFolders/sentitems/messages?$select=id&$filter="+url.QueryEscape("internetMessageId eq '"+id+"'"), nil, &r)
		for _, row := range r.Value {
			p.keep(row.ID)
		}
		told += fmt.Sprintf("; no copy under the draft's id within 20 s, under its Message-ID %d", len(r.Value))
	}
	c.judge(good && sent.Status == http.StatusAccepted && kept, "%s", told)
}
