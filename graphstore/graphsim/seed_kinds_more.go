package graphsim

import (
	"fmt"
	"strings"
	"time"
)

// digestMail is a day of a mailing list (RFC 2046 §5.1.5).
func digestMail(m *mailDraft) *seedPart {
	m.meta.From = Address{"freight-tech digest", "freight-tech-request@lists.example"}
	m.meta.Subject = fmt.Sprintf("freight-tech Digest, Vol %d, Issue %d", m.text.between(3, 40), m.text.between(1, 90))
	m.fields = []string{"List-Id: <freight-tech.lists.example>\r\n", "Precedence: list\r\n"}
	var topicsOfDay []string
	digest := m.multipart("digest", "")
	for i := range m.text.between(2, 5) {
		inner := &mailPlan{
			owner: Address{Address: "freight-tech@lists.example"}, domain: "lists.example", seed: m.seed ^ 0xd1, index: m.index*8 + i, kind: conversationKind,
			writer: people[(m.index+i)%7], sent: m.sent.Add(-time.Duration(i+1) * time.Hour), topic: (m.topic + i) % len(topics), maxBytes: m.maxBytes,
		}
		post := inner.compose()
		topicsOfDay = append(topicsOfDay, fmt.Sprintf("%4d. %s (%s)", i+1, post.meta.Subject, inner.writer.name))
		part := &seedPart{nested: post.entity()}
		if i%2 == 1 { // the default type of the parts may be left out
			part.fields = []string{"Content-Type: message/rfc822\r\n"}
		}
		digest.parts = append(digest.parts, part)
	}
	text := "Today's topics:\n\n" + strings.Join(topicsOfDay, "\n")
	m.setPreview(text)
	m.meta.HasAttachments = true
	return m.multipart("mixed", "", seedText("plain", wrap(text, 200, false), "utf-8", "8bit", ""), digest)
}

// bounceMail reports that something could not be delivered (RFC 3464).
func bounceMail(m *mailDraft) *seedPart {
	d := m.text
	host := "mx." + m.domain
	m.meta.From = Address{"Mail Delivery System", "MAILER-DAEMON@" + host}
	m.meta.Subject = "Undelivered Mail Returned to Sender"
	m.meta.Class = "REPORT.IPM.Note.NDR"
	m.fields = []string{"Auto-Submitted: auto-replied\r\n"}
	lost := strings.Replace(m.writer.address, "@", fmt.Sprintf(".%d@", d.between(1, 99)), 1)
	why := pick(d, []string{"550 5.1.1 The email account that you tried to reach does not exist", "552 5.2.2 Mailbox full", "451 4.4.1 Connection timed out"})
	text := "This is the mail system at host " + host + ".\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n<" + lost + ">: " + why
	m.setPreview(text)
	status := strings.Fields(why)[1]
	report := &seedPart{
		fields: []string{"Content-Type: message/delivery-status\r\n", "Content-Description: Delivery report\r\n"},
		text: fmt.Sprintf("Reporting-MTA: dns; %s\r\nArrival-Date: %s\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: %s\r\nDiagnostic-Code: smtp; %s\r\n",
			host, m.sent.Add(-time.Minute).Format(time.RFC1123Z), lost, status, why),
	}
	original := &seedPart{
		fields: []string{"Content-Type: text/rfc822-headers\r\n", "Content-Description: Undelivered Message Headers\r\n"},
		text: headerLine("From", addressText(m.owner, "utf-8", false)) + "To: " + lost + "\r\n" +
			headerLine("Subject", m.fill("Question about invoice {number}", d)) + "Message-ID: <" + d.hex(20) + "@" + m.domain + ">\r\n",
	}
	return m.multipart("report", "; report-type=delivery-status", seedText("plain", wrap(text, 200, false), "us-ascii", "7bit", ""), report, original)
}

// invitationMail asks to a meeting (RFC 5546, RFC 6047).
func invitationMail(m *mailDraft) *seedPart {
	d := m.text
	m.odata = "microsoft.graph.eventMessageRequest"
	m.meta.Class = "IPM.Schedule.Meeting.Request"
	m.meta.Subject = m.fill("{project}: weekly", d)
	room := m.fill("{room}", d)
	start := m.sent.AddDate(0, 0, d.between(2, 20)).Truncate(time.Hour)
	text := "You are invited to " + m.meta.Subject + "\n\nWhen: " + start.Format("Monday, 2 January 2006 15:04 MST") + "\nWhere: " + room
	m.setPreview(text)
	lines := []string{
		"BEGIN:VCALENDAR", "PRODID:-//example.com//Scheduler 4.2//EN", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT",
		"UID:" + d.hex(32) + "@" + m.domain, "DTSTAMP:" + m.sent.Format("20060102T150405Z"), "DTSTART:" + start.Format("20060102T150405Z"),
		"DTEND:" + start.Add(time.Hour).Format("20060102T150405Z"), "SUMMARY:" + strings.ReplaceAll(m.meta.Subject, ",", `\,`),
		"LOCATION:" + strings.ReplaceAll(room, ",", `\,`), "ORGANIZER:mailto:" + m.meta.From.Address,
		"ATTENDEE;RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:" + m.to[0].Address, "SEQUENCE:0", "STATUS:CONFIRMED", "END:VEVENT", "END:VCALENDAR", "",
	}
	calendar := seedText("calendar", strings.Join(lines, "\r\n"), "utf-8", "8bit", "; method=REQUEST")
	return m.multipart("alternative", "", seedText("plain", wrap(text, 76, false), "utf-8", "quoted-printable", ""),
		seedText("html", m.asHTML(text, ""), "utf-8", "quoted-printable", ""), calendar)
}

// signedMail has the shape of S/MIME (RFC 8551 §3.5.3); nobody could verify it.
func signedMail(m *mailDraft) *seedPart {
	m.meta.Subject = m.conversationSubject()
	m.meta.Class = "IPM.Note.SMIME.MultipartSigned"
	letter := m.letter()
	m.setPreview(letter)
	d := m.dice(rollFile)
	seal := m.attachment("application/pkcs7-signature", "smime.p7s", signature(d.next(), d.between(1500, 4200)))
	return m.multipart("signed", `; protocol="application/pkcs7-signature"; micalg=sha-256`,
		seedText("plain", wrap(letter, 76, false), "utf-8", "quoted-printable", ""), seal)
}

// scanMail comes from a device: a big file and hardly any text.
func scanMail(m *mailDraft) *seedPart {
	d := m.dice(rollFile)
	m.meta.From = Address{"scanner-og2@" + m.domain, "scanner-og2@" + m.domain}
	m.meta.Subject = "Scan from MFP-" + strings.ToUpper(d.hex(4))
	m.fields = []string{"X-Mailer: KX-MFP 4.11\r\n"}
	m.setPreview("DEVICE NAME: MFP PAGES: 12")
	size := m.bound(d.between(300_000, 4_500_000))
	name := m.sent.Format("20060102150405") + ".pdf"
	return m.multipart("mixed", "", seedText("plain", "DEVICE NAME: MFP\r\nPAGES: 12\r\n", "us-ascii", "7bit", ""),
		m.attachment("application/pdf", name, pdfFile("Scan", nil, size, d.next())))
}

// exportMail brings a log, a table and a packed table.
func exportMail(m *mailDraft) *seedPart {
	d := m.dice(rollFile)
	m.meta.Subject = m.fill("Export {city} – Übergabe {month}", d)
	text := m.fill("Hello,\n\nattached the export from last night: {count} tables, one log.\nThe log is long, the interesting part is at the end.\n", d)
	m.setPreview(text)
	rows := table(d, d.between(20, 200))
	return m.multipart("mixed", "", seedText("plain", wrap(text, 76, false), "utf-8", "quoted-printable", ""),
		m.attachment("text/plain", "gateway.log", &blob{fill: m.bound(d.between(4_000, 400_000)), seed: d.next(), log: true}),
		m.attachment("text/csv", "Bestände Überlauf.csv", &blob{head: []byte(rows)}),
		m.attachment("application/zip", "Prüfprotokoll.zip", zipFile(m.sent, "export.csv", rows)))
}

// cronMail is what a job prints at night.
func cronMail(m *mailDraft) *seedPart {
	d := m.text
	host := pick(d, []string{"db1", "gw2", "backup", "build"})
	m.meta.From = Address{"Cron Daemon", "root@" + host + "." + m.domain}
	m.meta.Subject = fmt.Sprintf("Cron <backup@%s> /usr/local/sbin/nightly --all", host)
	m.fields = []string{"X-Cron-Env: <SHELL=/bin/sh>\r\n", "X-Cron-Env: <LANG=C>\r\n", "Auto-Submitted: auto-generated\r\n"}
	var b strings.Builder
	for i := range d.between(3, 60) {
		fmt.Fprintf(&b, "%02d:%02d %-24s %8d KB  ok\r\n", 2+i/60, i%60, "/srv/data/"+d.hex(6), d.between(10, 900_000))
	}
	b.WriteString(".\r\nFrom here on nothing was changed.\r\n")
	m.setPreview(b.String())
	return seedText("plain", b.String(), "us-ascii", "7bit", "")
}

// roundMail goes to everybody, so that its header is longer than its text.
func roundMail(m *mailDraft) *seedPart {
	d := m.text
	m.meta.Subject = m.fill("To all: {room} closed on {day}, parking rules, first-aid training in {month} and the lost property of the last {count} weeks (please read to the end)", d)
	for i, p := range people {
		if a := (Address{p.name, p.address}); i%2 == 0 {
			m.to = append(m.to, a)
		} else {
			m.cc = append(m.cc, a)
		}
	}
	m.meta.Sender = Address{"Reception", "reception@" + m.domain}
	m.meta.Importance = "low"
	text := m.fill("Dear all,\n\n{room} will be closed on {day} from {time} on. Somebody left an umbrella at reception.\n\n", d) + m.signature()
	m.setPreview(text)
	return seedText("plain", wrap(text, 76, false), "utf-8", "quoted-printable", "")
}

// bareMail has no text at all: nothing, or only a file.
func bareMail(m *mailDraft) *seedPart {
	m.meta.Subject = ""
	if m.index%2 == 0 {
		return seedText("plain", "", "us-ascii", "7bit", "")
	}
	d := m.dice(rollFile)
	m.meta.Subject = "IMG_" + fmt.Sprint(d.between(1000, 9999))
	return m.attachment("image/png", m.meta.Subject+".png", &blob{head: pngImage(d)})
}

func spamMail(m *mailDraft) *seedPart {
	d := m.text
	m.meta.From = Address{pick(d, []string{"Parcel Service", "Your Bank", "Lottery Office", "Dr. Smith Pharmacy"}), d.hex(8) + "@" + d.hex(6) + ".invalid"}
	m.meta.Subject = pick(d, []string{"Your parcel is waiting!!!", "Account limited – verify now", "You WON {amount} EUR", "Re: Re: last notice"})
	m.meta.Subject = m.fill(m.meta.Subject, d)
	text := m.fill("Dear Sir or Madam,\n\nwe could not deliver your parcel to {city}. Pay the fee of EUR 1.99 within {count} hours:\nhttp://parcel.invalid/", d) + d.hex(40)
	m.setPreview(text)
	return seedText("html", m.asHTML(text, ""), "iso-8859-1", "quoted-printable", "")
}
