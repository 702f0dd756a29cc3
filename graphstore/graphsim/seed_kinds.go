package graphsim

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// mailKind is one sort of mail: how it is built, where it goes and how often it comes.
type mailKind struct {
	name     string
	weight   int    // share among all kinds
	language string // of its writers, "" for any
	place    mailPlace
	body     func(m *mailDraft) *seedPart // sets the subject and returns the body
}

// mailPlace is the sort of folder that a kind goes to.
type mailPlace int

const (
	placeInbox mailPlace = iota
	placeProject
	placeNews
	placeTickets
	placeForeign
	placeJunk
)

// conversationKind has answers; the others stand alone.
var conversationKind = &mailKind{"conversation", 30, "en", placeProject, conversation}

var mailKinds = []*mailKind{
	conversationKind,
	{"html", 12, "en", placeInbox, htmlMail},
	{"newsletter", 8, "", placeNews, newsletterMail},
	{"invoice", 10, "", placeInbox, invoiceMail},
	{"ticket", 8, "", placeTickets, ticketMail},
	{"picture", 6, "en", placeInbox, pictureMail},
	{"german", 4, "de", placeForeign, foreignMail},
	{"french", 2, "fr", placeForeign, foreignMail},
	{"spanish", 2, "es", placeForeign, foreignMail},
	{"japanese", 2, "ja", placeForeign, foreignMail},
	{"chinese", 2, "zh", placeForeign, foreignMail},
	{"russian", 2, "ru", placeForeign, foreignMail},
	{"greek", 1, "el", placeForeign, foreignMail},
	{"forward", 3, "en", placeInbox, forwardMail},
	{"digest", 1, "en", placeNews, digestMail},
	{"bounce", 2, "", placeInbox, bounceMail},
	{"invitation", 3, "en", placeInbox, invitationMail},
	{"signed", 2, "en", placeInbox, signedMail},
	{"scan", 3, "", placeInbox, scanMail},
	{"export", 4, "en", placeTickets, exportMail},
	{"cron", 3, "", placeTickets, cronMail},
	{"round", 2, "en", placeInbox, roundMail},
	{"bare", 1, "en", placeInbox, bareMail},
	{"spam", 3, "", placeJunk, spamMail},
}

// conversation is plain text in the forms that different programs give it.
func conversation(m *mailDraft) *seedPart {
	m.meta.Subject = m.conversationSubject()
	letter := m.letter()
	m.setPreview(letter)
	text := wrap(letter, 76, false) + m.quoted(74, 2)
	switch ascii := isASCII(text); m.dice(rollForm).upTo(6) {
	case 0:
		return seedText("plain", text, "utf-8", "base64", "")
	case 1:
		return seedText("plain", wrap(letter, 72, true)+m.quoted(72, 2), "utf-8", "8bit", "; format=flowed; delsp=no")
	case 2:
		if ascii {
			return seedText("plain", text, "us-ascii", "7bit", "")
		}
		return seedText("plain", text, "utf-8", "8bit", "")
	case 3:
		return m.alternative(letter)
	}
	return seedText("plain", text, "utf-8", "quoted-printable", "")
}

// alternative is the same letter as text and as HTML.
func (m *mailDraft) alternative(letter string) *seedPart {
	return m.multipart("alternative", "",
		seedText("plain", wrap(letter, 76, false), "utf-8", "quoted-printable", ""),
		seedText("html", m.asHTML(letter, ""), "utf-8", "quoted-printable", ""))
}

// asHTML is a letter as Outlook would write it, with more markup behind it.
func (m *mailDraft) asHTML(letter, more string) string {
	var b strings.Builder
	b.WriteString("<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n" +
		"<style type=\"text/css\">\r\np.MsoNormal { margin: 0cm; font-size: 11pt; font-family: Calibri, sans-serif; }\r\n</style>\r\n</head>\r\n<body lang=\"EN-GB\">\r\n")
	for line := range strings.SplitSeq(letter, "\n") {
		if line == "" {
			line = "\u00a0"
		}
		b.WriteString("<p class=\"MsoNormal\">" + html.EscapeString(line) + "</p>\r\n")
	}
	b.WriteString(more)
	if m.parent != nil {
		fmt.Fprintf(&b, "<div style=\"border-top: solid #E1E1E1 1pt\">\r\n<p class=\"MsoNormal\"><b>From:</b> %s<br>\r\n<b>Sent:</b> %s</p>\r\n</div>\r\n",
			html.EscapeString(m.parent.writer.name), m.parent.sent.Format("2 January 2006 15:04"))
	}
	b.WriteString("</body>\r\n</html>\r\n")
	return b.String()
}

func htmlMail(m *mailDraft) *seedPart {
	m.meta.Subject = m.conversationSubject()
	letter := m.letter()
	m.setPreview(letter)
	if m.dice(rollForm).percent(20) {
		return seedText("html", m.asHTML(letter, ""), "windows-1252", "quoted-printable", "")
	}
	return m.alternative(letter)
}

func newsletterMail(m *mailDraft) *seedPart {
	d := m.text
	n := pick(d, newsletters)
	m.meta.From = n.from
	_, domain, _ := strings.Cut(n.from.Address, "@")
	m.meta.Subject = m.fill(pick(d, n.subjects), d)
	m.fields = []string{
		headerLine("List-Id", "<news."+domain+">"),
		headerLine("List-Unsubscribe", fmt.Sprintf("<mailto:unsubscribe-%s@%s>, <https://%s/u/%s>", d.hex(12), domain, domain, d.hex(32))),
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "Precedence: bulk\r\n",
	}
	var page, plain strings.Builder
	page.WriteString("<!DOCTYPE html>\r\n<html><body style=\"margin:0;background:#f4f4f4\"><table width=\"600\" align=\"center\">\r\n")
	for i := range d.between(4, 14) {
		headline := m.fill(n.items[i%len(n.items)], d)
		text := m.fill(pick(d, pick(d, topicsIn(n.language)).lines), d)
		fmt.Fprintf(&page, "<tr><td style=\"padding:24px\"><h2>%s</h2><p>%s</p><a href=\"https://%s/a/%s\">Read more</a></td></tr>\r\n",
			html.EscapeString(headline), html.EscapeString(text), domain, d.hex(24))
		plain.WriteString(headline + "\n" + text + "\n\n")
	}
	page.WriteString("</table></body></html>\r\n")
	m.setPreview(plain.String())
	if d.percent(50) {
		return seedText("html", page.String(), "utf-8", "quoted-printable", "")
	}
	return m.multipart("alternative", "",
		seedText("plain", wrap(plain.String(), 70, false), "utf-8", "quoted-printable", ""),
		seedText("html", page.String(), "utf-8", "base64", ""))
}

func invoiceMail(m *mailDraft) *seedPart {
	d := m.text
	number, amount := m.fill("{number}", d), m.fill("{amount}", d)
	m.meta.Subject = "Invoice " + number + " – EUR " + amount
	name := "Invoice_" + number + ".pdf"
	if !isASCII(m.writer.name) {
		m.meta.Subject = "Rechnung Nr. " + number + " über " + amount + " €"
		name = "Rechnung " + number + " für Bestellung – Übersicht und Zahlungsbedingungen.pdf"
	}
	letter := "Dear customer,\n\nplease find attached our invoice " + number + " over EUR " + amount +
		m.fill(" for {count} x {product}.\n\nPayment is due within 30 days. Please quote the invoice number.\n\n", d) + pick(d, closings) + "\n" + m.signature()
	m.setPreview(letter)
	lines := []string{m.fill("{count} x {product}", d), "Total EUR " + amount, "To: " + m.owner.Name}
	file := pdfFile("Invoice "+number, lines, m.bound(d.between(2_000, 90_000)), d.next())
	text := seedText("plain", wrap(letter, 76, false), "utf-8", "quoted-printable", "")
	return m.multipart("mixed", "", text, m.attachment("application/pdf", name, file))
}

// bound keeps the size of filling below the maximum that was asked for.
func (m *mailDraft) bound(n int) int64 { return min(int64(n), m.maxBytes) }

func ticketMail(m *mailDraft) *seedPart {
	d := m.text
	number := d.between(20_000, 89_999)
	m.meta.From = Address{"Service Desk", "tickets@" + m.domain}
	answers := fmt.Sprintf("tickets+%d@%s", number, m.domain)
	m.meta.ReplyTo = []Address{{answers, answers}}
	state := pick(d, []string{"created", "assigned to you", "updated", "solved", "reopened"})
	topic := pick(d, topics)
	m.meta.Subject = fmt.Sprintf("[Ticket#%d] %s", number, m.fill(topic.subject, d))
	m.fields = []string{"Auto-Submitted: auto-generated\r\n", fmt.Sprintf("X-Ticket-Number: %d\r\n", number), "X-Auto-Response-Suppress: All\r\n"}
	if d.percent(15) {
		m.meta.Importance = "high"
	}
	text := fmt.Sprintf("Ticket %d was %s.\n\nCustomer: %s <%s>\nQueue: %s\nPriority: %d\n\n%s\n\nhttps://tickets.%s/t/%d\n",
		number, state, m.writer.name, m.writer.address, pick(d, []string{"Dispatch", "Complaints", "IT", "Facilities"}), d.between(1, 5),
		m.fill(pick(d, topic.lines), d), m.domain, number)
	m.setPreview(text)
	if isASCII(text) {
		return seedText("plain", wrap(text, 200, false), "us-ascii", "7bit", "")
	}
	return seedText("plain", wrap(text, 200, false), "utf-8", "8bit", "")
}

// pictureMail shows pictures inside its HTML (RFC 2387, RFC 2392).
func pictureMail(m *mailDraft) *seedPart {
	m.meta.Subject = m.conversationSubject()
	letter := m.letter()
	m.setPreview(letter)
	d := m.dice(rollFile)
	var markup strings.Builder
	var parts []*seedPart
	for i := range d.between(1, 3) {
		cid := fmt.Sprintf("image%03d.png@%s.%s", i+1, d.hex(8), d.hex(8))
		fmt.Fprintf(&markup, "<p><img width=\"120\" src=\"cid:%s\" alt=\"image%03d.png\"></p>\r\n", cid, i+1)
		parts = append(parts, &seedPart{blob: &blob{head: pngImage(d)}, fields: []string{
			fmt.Sprintf("Content-Type: image/png; name=\"image%03d.png\"\r\n", i+1),
			fmt.Sprintf("Content-Disposition: inline; filename=\"image%03d.png\"\r\n", i+1),
			"Content-ID: <" + cid + ">\r\n", "Content-Transfer-Encoding: base64\r\n",
		}})
	}
	page := seedText("html", m.asHTML(letter, markup.String()), "utf-8", "quoted-printable", "")
	plain := seedText("plain", wrap(letter, 76, false), "utf-8", "quoted-printable", "")
	if m.index%2 == 0 {
		alternative := m.multipart("alternative", "", plain, page)
		return m.multipart("related", `; type="multipart/alternative"`, append([]*seedPart{alternative}, parts...)...)
	}
	related := m.multipart("related", `; type="text/html"`, append([]*seedPart{page}, parts...)...)
	return m.multipart("alternative", "", plain, related)
}

// foreignMail is in a language and a charset from before Unicode.
func foreignMail(m *mailDraft) *seedPart {
	d := m.text
	language := m.kind.language
	form := foreignCharset[language]
	t := pick(d, foreign[language])
	m.charset, m.base64 = form[0], form[0] == "iso-2022-jp" || form[0] == "gb2312" || form[0] == "koi8-r"
	m.meta.Subject = m.fill(t.subject, d)
	if m.byOwner {
		m.charset = "utf-8"
	}
	greeting := foreignGreeting[language]
	text := greeting[0] + "\n\n" + m.fill(strings.Join(t.lines, "\n"), d) + "\n\n" + greeting[1] + "\n" + m.writer.name + "\n"
	m.setPreview(text)
	width := 76
	if form[1] == "7bit" {
		width = 900 // Japanese has no spaces to break at
	}
	return seedText("plain", wrap(text, width, false), form[0], form[1], "")
}

// forwarded are the kinds of mail that people forward.
var forwarded = []mailKind{{body: conversation}, {body: htmlMail}, {body: newsletterMail}, {body: invoiceMail}, {body: ticketMail}, {body: pictureMail}}

// forwardMail carries another message whole.
func forwardMail(m *mailDraft) *seedPart {
	inner := &mailPlan{
		owner: m.owner, domain: m.domain, seed: m.seed ^ 0xf0, index: m.index, kind: &forwarded[m.index%len(forwarded)], writer: people[m.index%len(people)],
		sent: m.sent.Add(-26 * time.Hour), topic: m.topic, maxBytes: min(m.maxBytes, 20_000),
	}
	attached := inner.compose()
	m.meta.Subject = "Fwd: " + attached.meta.Subject
	letter := m.fill("Hello,\n\nsee attached. Can you take care of it before {day}?\n\n", m.text) + m.signature()
	m.setPreview(letter)
	nested := attached.entity()
	part := &seedPart{nested: nested, fields: []string{"Content-Type: message/rfc822\r\n", "Content-Disposition: attachment\r\n"}}
	m.meta.HasAttachments = true
	return m.multipart("mixed", "", seedText("plain", wrap(letter, 76, false), "utf-8", "quoted-printable", ""), part)
}

// entity is the whole message as the body of another.
func (m *mailDraft) entity() *seedPart {
	body := m.body
	m.body = &seedPart{}
	head := m.layout(new(seedPieces)).text.String()
	m.body = body
	whole := *body
	whole.fields = append([]string{strings.TrimSuffix(head, "\r\n")}, body.fields...)
	return &whole
}
