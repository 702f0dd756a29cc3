#!/usr/bin/env python3
"""smtplib: many messages over one connection, recipients of the envelope alone, and what must be refused."""

import base64
import email.message
import email.policy
import email.utils
import os
import smtplib
import time

from checks import PASSWORD, SMTP, USER, Checks
from imap import connect, find, must, wait
from simulator import deliveries, limits

t = Checks("smtplib_session")


def letter(subject, to=USER):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"] = f"Demo User <{USER}>", to, subject
    m["Message-ID"] = email.utils.make_msgid(domain="ci.example.com")
    m["Date"] = email.utils.formatdate()
    m.set_content("Grüße!\n.\n..two dots\n" + "long " * 300 + "\n")
    return m


def session(login=True):
    s = smtplib.SMTP(*SMTP, timeout=120)
    s.ehlo()
    if login:
        s.login(USER, PASSWORD)
    return s


def received(m):
    """The message as the inbox has it, parsed."""
    conn = connect()
    uid = wait(conn, "INBOX", m["Message-ID"], 60)
    raw = must(conn.uid("FETCH", uid, "(BODY.PEEK[])"), "FETCH")[0][1]
    conn.logout()
    return email.message_from_bytes(raw, policy=email.policy.default)


def hello():
    s = session(login=False)
    for word in ("size", "8bitmime", "pipelining", "auth", "enhancedstatuscodes"):
        t.check(f"offers {word.upper()}", s.has_extn(word), s.esmtp_features)
    t.check("SIZE says a number", int(s.esmtp_features.get("size") or 0) > 1_000_000, s.esmtp_features.get("size"))
    t.equal("no mail before AUTH", s.mail(USER)[0], 530)
    t.raises("a wrong password", smtplib.SMTPAuthenticationError, lambda: s.login(USER, "wrong"), lambda e: e.smtp_code == 535)
    s.login(USER, PASSWORD)
    t.equal("the connection survives it", s.noop()[0], 250)
    t.check("VRFY tells nothing of a stranger", s.verify("stranger@example.com")[0] in (252, 502))
    t.equal("RSET", s.rset()[0], 250)
    t.equal("an unknown command", s.docmd("NOSUCH")[0] // 100, 5)
    t.equal("QUIT", s.quit()[0], 221)


def mechanisms():
    for name, method in (("PLAIN", "auth_plain"), ("LOGIN", "auth_login")):
        s = session(login=False)
        s.user, s.password = USER, PASSWORD
        t.equal(f"AUTH {name}", s.auth(name, getattr(s, method))[0], 235)
        s.quit()
    s = session(login=False)
    text = base64.b64encode(f"{USER}\0{USER}\0{PASSWORD}".encode()).decode()
    t.equal("AUTH PLAIN with authzid", s.docmd("AUTH", "PLAIN " + text)[0], 235)
    s.quit()
    s = session(login=False)
    t.equal("AUTH LOGIN with the user in the first line", s.docmd("AUTH", "LOGIN " + base64.b64encode(USER.encode()).decode())[0], 334)
    t.equal("and its password", s.docmd(base64.b64encode(PASSWORD.encode()).decode())[0], 235)
    s.quit()
    s = session(login=False)
    t.equal("AUTH cancelled", (s.docmd("AUTH", "LOGIN")[0], s.docmd("*")[0]), (334, 501))
    for name in ("NOSUCH", "CRAM-MD5", "XOAUTH2 " + base64.b64encode(f"user={USER}\1auth=Bearer x\1\1".encode()).decode()):
        t.equal(f"AUTH {name.split()[0]} is refused at once", s.docmd("AUTH", name)[0], 504)
    t.equal("AUTH PLAIN in two steps", (s.docmd("AUTH", "PLAIN")[0], s.docmd(text)[0]), (334, 235))
    t.equal("AUTH twice", s.docmd("AUTH", "PLAIN " + text)[0], 503)
    s.quit()


def many_at_once():
    s = session()
    sent = [letter(f"smtplib {i}") for i in range(5)]
    for m in sent:
        t.equal(f"send {m['Subject']}", s.send_message(m), {})
    s.quit()
    for m in sent:
        back = received(m)
        t.equal(f"{m['Subject']}: text", back.get_content().replace("\r\n", "\n").rstrip("\n"), m.get_content().replace("\r\n", "\n").rstrip("\n"))
        t.equal(f"{m['Subject']}: subject", back["Subject"], m["Subject"])


def attachment():
    m = letter("smtplib attaches – Größe")
    data = os.urandom(1_500_000)
    m.add_attachment(data, maintype="application", subtype="octet-stream", filename="Übersicht.bin")
    s = session()
    t.equal("send 1.5 MB", s.send_message(m), {})
    s.quit()
    parts = list(received(m).iter_attachments())
    t.equal("one attachment arrives", [p.get_filename() for p in parts], ["Übersicht.bin"])
    t.check("unchanged", parts and parts[0].get_content() == data)


def envelope_only():
    m = letter("smtplib blind copy", to="undisclosed-recipients:;")
    s = session()
    t.equal("send to the envelope alone", s.sendmail(USER, [USER], m.as_bytes()), {})
    s.quit()
    back = received(m)
    t.check("its header does not name the recipient", USER not in str(back["To"]) + str(back["Cc"]), back.as_string()[:1500])


def delivered(m, seconds=120):
    """How often a message went out, to whom, and its text; it may be queued for a moment."""
    end = time.monotonic() + seconds
    while not (found := deliveries(m["Message-ID"])) and time.monotonic() < end:
        time.sleep(1)
    return found


def blind_alone():
    m = letter("smtplib to Bcc alone")
    del m["To"]
    m["Bcc"] = "blind.a@example.org, Blind B <blind.b@example.org>"
    s = session()
    t.equal("send to Bcc alone", s.sendmail(USER, ["blind.a@example.org", "blind.b@example.org"], m.as_bytes()), {})
    s.quit()
    found = delivered(m)
    t.equal("it goes to them once", [sorted(to) for to, _ in found], [["blind.a@example.org", "blind.b@example.org"]])
    t.check("and names them to nobody", found and b"blind." not in found[0][1].lower(), found)


def crowd():
    people = [f"p{i}@example.org" for i in range(500)]
    m = letter("smtplib to 500", to=", ".join(people[:100]))
    s = session()
    t.equal("send to 500", s.sendmail(USER, people, m.as_bytes()), {})
    s.quit()
    got = [a for to, _ in delivered(m) for a in to]
    t.equal("each of them gets it once", sorted(got), sorted(people))


def sixty_megabytes():
    before = limits(MessageSize=-1, UploadBytes=-1)
    m = letter("smtplib attaches 60 MB")
    data = os.urandom(60_000_000)
    m.add_attachment(data, maintype="application", subtype="octet-stream", filename="groß.bin")
    s = session()
    t.equal("send 60 MB", s.send_message(m), {})
    s.quit()
    parts = list(received(m).iter_attachments())
    t.equal("its attachment arrives", [p.get_filename() for p in parts], ["groß.bin"])
    t.check("unchanged", parts and parts[0].get_content() == data)
    limits(**before)


def eight_bits():
    m = letter("smtplib eight bits")
    raw = m.as_bytes().replace(b"Content-Transfer-Encoding: ", b"X-Was: ").split(b"\r\n\r\n")[0]
    raw += b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + "Grüße, raw\r\n".encode()
    s = session()
    t.equal("send", s.sendmail(USER, [USER], raw, mail_options=["BODY=8BITMIME"]), {})
    s.quit()
    t.equal("arrives with its letters", received(m).get_content().strip(), "Grüße, raw")


def refusals():
    s = session()
    t.check("a sender that is not ours", s.mail("someone@else.example")[0] in (550, 553), s.rset())
    t.equal("too large by SIZE", s.docmd("MAIL", f"FROM:<{USER}> SIZE=999999999")[0], 552)
    s.rset()
    # RFC 5321 has 503 for these; the library answers 502.
    t.equal("RCPT before MAIL", s.rcpt(USER)[0] // 100, 5)
    t.equal("DATA before RCPT", (s.mail(USER)[0], s.docmd("DATA")[0] // 100), (250, 5))
    s.rset()
    m = letter("smtplib says From somebody else")
    m.replace_header("From", "Chief <chief@else.example>")
    t.raises("a From that is not ours", smtplib.SMTPResponseException, lambda: s.sendmail(USER, [USER], m.as_bytes()), lambda e: 500 <= e.smtp_code < 600)
    s.rset()
    ok = letter("smtplib after the refusals")
    t.equal("the connection still sends", s.send_message(ok), {})
    s.quit()
    received(ok)
    conn = connect()
    t.equal("what was refused did not arrive", find(conn, "INBOX", m["Message-ID"]), None)
    conn.logout()


t.run(hello, mechanisms, many_at_once, attachment, envelope_only, blind_alone, crowd, eight_bits, refusals, sixty_megabytes)
