#!/usr/bin/env python3
"""What a mail router of the old school does, for hours: log in, select, search for new mail, fetch it whole, mark it, move it,
log out, and answer by SMTP. Mail goes on arriving, and `mail2graph serve` is killed again and again; in the end each message
was routed once and is where it belongs, and no answer was sent without having been given."""

import base64
import contextlib
import email
import email.policy
import email.utils
import hashlib
import imaplib
import random
import re
import signal
import smtplib
import tempfile
import threading
import time

import simulator
from checks import PASSWORD, Checks
from imap import must, quote
from serve import Serve

t = Checks("routing_session")
ADDRESS = f"router{random.randrange(10**6)}@example.com"
CALM, KILLED, KILLS = 100, 200, 5  # messages of each part
LIMIT = 150  # seconds for each part
LOST = (OSError, EOFError, imaplib.IMAP4.abort, smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError)


def letter(number):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"] = f"Customer {number} <customer{number}@example.org>", ADDRESS, f"Case {number} – größer"
    m["Message-ID"], m["Date"] = f"<case.{number}@example.org>", email.utils.formatdate()
    m.set_content(f"Grüße\n.\ncase {number}\n")
    m.add_attachment(random.randbytes(random.choice((500, 5_000, 50_000))), maintype="application", subtype="octet-stream", filename="a.bin")
    return m


def payload(m):
    return hashlib.sha256(b"".join(p.get_payload(decode=True).replace(b"\r\n", b"\n") for p in m.walk() if not p.is_multipart())).hexdigest()


class Router:
    """The program. What it remembers, it remembers by UIDVALIDITY and UID, as such programs do."""

    def __init__(self, server):
        self.server = server
        self.done = {}  # (validity, uid) -> number
        self.routed = {}  # number -> how often
        self.texts = {}  # number -> hash of what was read
        self.answered, self.unsure = {}, {}  # number -> 250s that were seen, answers whose outcome is unknown
        self.refused, self.cycles, self.lost = [], 0, 0

    def cycle(self, file):
        """One round; how a message is filed is file's."""
        c = imaplib.IMAP4("127.0.0.1", self.server.imap, timeout=60)
        try:
            c.login(ADDRESS, PASSWORD)
            must(c.select("INBOX"), "SELECT")
            validity = c.response("UIDVALIDITY")[1][0]
            old = [u for u in must(c.uid("SEARCH", "SEEN"), "SEARCH")[0].split() if (validity, u) in self.done]
            for uid in old:  # what a lost connection kept from being filed
                file(c, uid)
            for uid in must(c.uid("SEARCH", "UNSEEN"), "SEARCH")[0].split():
                raw = must(c.uid("FETCH", uid, "(FLAGS BODY.PEEK[])"), "FETCH")[0]
                if raw is None:
                    continue
                m = email.message_from_bytes(raw[1], policy=email.policy.default)
                number = int(re.search(r"Case (\d+)", m["Subject"])[1])
                if (validity, uid) not in self.done:
                    self.done[validity, uid] = number
                    self.routed[number] = self.routed.get(number, 0) + 1
                    self.texts[number] = payload(m)
                must(c.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"), "STORE")
                file(c, uid)
                self.answer(number)
            c.logout()
        except LOST:
            with contextlib.suppress(OSError):
                c.shutdown()
            raise
        self.cycles += 1

    def answer(self, number):
        if self.answered.get(number):
            return
        m = email.message.EmailMessage(policy=email.policy.SMTP)
        m["From"], m["To"], m["Subject"] = ADDRESS, f"customer{number}@example.org", f"Re: Case {number}"
        m["In-Reply-To"] = f"<case.{number}@example.org>"
        m.set_content(f"answer to {number}\n")
        data = False
        try:
            with smtplib.SMTP("127.0.0.1", self.server.smtp, timeout=60) as s:
                s.login(ADDRESS, PASSWORD)
                must_code(s.mail(ADDRESS))
                must_code(s.rcpt(f"customer{number}@example.org"))
                data = True
                code, text = s.data(m.as_bytes())
                if code != 250:
                    self.refused.append((number, code, text))
                    return
                self.answered[number] = self.answered.get(number, 0) + 1
        except LOST:
            if data and not self.answered.get(number):
                self.unsure[number] = self.unsure.get(number, 0) + 1
            if not self.answered.get(number):
                raise

    def run(self, total, file, ended):
        """Rounds until all are routed, answered and away from the inbox."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                self.cycle(file)
                for number in [n for n in self.routed if n not in self.answered]:
                    self.answer(number)
            except LOST:
                self.lost += 1
                time.sleep(0.2)
                continue
            if ended() and len(self.answered) >= total and not simulator.messages(ADDRESS, "inbox"):
                return
            time.sleep(0.1)


def must_code(answer):
    if answer[0] != 250:
        raise smtplib.SMTPResponseException(*answer)


def move(c, uid):
    must(c.uid("MOVE", uid, quote("Routed")), "MOVE")


def copy_and_delete(c, uid):
    """How it was done before there was MOVE."""
    must(c.uid("COPY", uid, quote("Routed")), "COPY")
    must(c.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"), "STORE")
    must(c.expunge(), "EXPUNGE")


def part(name, first, count, file, kills):
    sent, began = {n: letter(n) for n in range(first, first + count)}, time.monotonic()

    def deliver():
        for m in sent.values():
            simulator.deliver(ADDRESS, m.as_bytes())
            time.sleep(0.02)

    def kill():
        for i in range(kills):
            while len(router.answered) < first + count * (i + 1) // (kills + 2) and time.monotonic() < began + LIMIT:
                time.sleep(0.005)
            time.sleep(random.random() / 20)
            server.end(signal.SIGKILL)
            server.start()

    threads = [threading.Thread(target=deliver)] + [threading.Thread(target=kill)] * bool(kills)
    for thread in threads:
        thread.start()
    router.run(first + count, file, lambda: not any(th.is_alive() for th in threads))
    for thread in threads:
        thread.join()
    print(f"    {name}: {count} messages in {time.monotonic() - began:.0f} s, {router.cycles} rounds, {router.lost} of them lost their connection, {sum(router.unsure.values())} answers of unknown outcome")
    numbers = set(sent)
    t.equal(f"{name}: each is routed once", {n: c for n, c in router.routed.items() if n in numbers and c != 1} | {n: 0 for n in numbers - set(router.routed)}, {})
    t.equal(f"{name}: each as it was sent", [n for n in numbers if router.texts.get(n) != payload(sent[n])], [])
    t.equal(f"{name}: each is answered", [n for n in numbers if router.answered.get(n) != 1], [])
    t.equal(f"{name}: nothing is left in the inbox", [m["meta"]["subject"] for m in simulator.messages(ADDRESS, "inbox")], [])
    there = sorted(int(re.search(r"Case (\d+)", m["meta"]["subject"])[1]) for m in simulator.messages(ADDRESS, "Routed"))
    t.equal(f"{name}: all are filed, once", [n for n in range(first + count) if there.count(n) != 1], [])
    t.equal(f"{name}: no answer was refused", router.refused, [])
    answers = {}
    for _ in range(100):  # the outbox may still have some that it took over
        answers = {}
        for d in simulator.control("GET", "deliveries"):
            if d["mailbox"] == ADDRESS:
                number = int(re.search(rb"answer to (\d+)", base64.b64decode(d["mime"]))[1])
                answers[number] = answers.get(number, 0) + 1
        if all(n in answers for n in numbers):
            break
        time.sleep(0.2)
    wrong = {n: answers.get(n, 0) for n in numbers if not 1 <= answers.get(n, 0) <= 1 + router.unsure.get(n, 0)}
    t.equal(f"{name}: no answer is lost, none doubled that was told to be sent", wrong, {})


def calm():
    part("in calm", 0, CALM, copy_and_delete, 0)


def killed():
    part(f"killed {KILLS} times", CALM, KILLED, move, KILLS)
    t.equal("one UIDVALIDITY all the time", len({validity for validity, _ in router.done}), 1)


simulator.add_mailbox(ADDRESS)
with tempfile.TemporaryDirectory() as dir:
    server = Serve(dir, ADDRESS)
    server.start()
    try:
        c = imaplib.IMAP4("127.0.0.1", server.imap, timeout=60)
        c.login(ADDRESS, PASSWORD)
        must(c.create("Routed"), "CREATE")
        c.logout()
        router = Router(server)
        t.run(calm, killed)
    finally:
        server.end(signal.SIGINT)
