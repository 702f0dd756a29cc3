#!/usr/bin/env python3
"""mbsync, offlineimap3, getmail6 and an SMTP client at work while Graph throttles, breaks off, loses answers and shows
the pages of a broken gateway. When it is well again, nothing is lost and nothing is there twice."""

import collections
import email.message
import email.policy
import email.utils
import os
import random
import re
import signal
import smtplib
import subprocess
import tempfile
import time

import imap
import simulator
from checks import PASSWORD, Checks
from serve import Serve

t = Checks("faults_session")
ADDRESS = f"faults{random.randrange(10**6)}@example.com"
# All together rare enough that a request which the bridge repeats four times gets through: mbsync never asks
# again for a message that it was once refused.
RULES = [
    {"status": 429, "code": "TooManyRequests", "retryAfter": "1", "probability": 0.05},
    {"status": 429, "code": "ApplicationThrottled", "probability": 0.03},
    {"status": 503, "code": "ErrorServerBusy", "probability": 0.02},
    {"status": 502, "html": True, "probability": 0.02},
    {"reset": "before", "probability": 0.01},
    {"reset": "after", "probability": 0.02},
    {"cutAfter": 200, "probability": 0.02},
    {"delay": 300_000_000, "probability": 0.05},
]


class Faults:
    """On while its block runs; says how often it struck."""

    def __enter__(self):
        self.ids = [simulator.control("POST", "faults", {**rule, "mailbox": ADDRESS})["id"] for rule in RULES]

    def __exit__(self, *_):
        self.struck = sum(simulator.control("DELETE", f"faults/{id}")["applied"] for id in self.ids)


def letter(id, subject="faults"):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"], m["Message-ID"] = ADDRESS, ADDRESS, subject, f"<{id}@ci.example.com>"
    m["Date"] = email.utils.formatdate()
    m.set_content("Grüße\n.\nEnde\n" * random.randrange(1, 400))
    return m.as_bytes()


def fill(folder, name, n):
    ids = [f"{name}.{i}" for i in range(n)]
    for id in ids:
        simulator.deliver(ADDRESS, letter(id), folder)
    return ids


def ids_there(folder):
    """Message-ID to how often it is in the folder, as Exchange has it."""
    return collections.Counter(re.search(r"<(.+)@ci", m["meta"]["messageId"])[1] for m in simulator.messages(ADDRESS, folder))


def ids_here(path):
    """The same of a Maildir, and the file of each."""
    found = collections.defaultdict(list)
    for d in ("cur", "new"):
        for name in os.listdir(os.path.join(path, d)):
            with open(os.path.join(path, d, name), "rb") as f:
                found[re.search(rb"(?i)message-id: *<(.+)@ci", f.read())[1].decode()].append(os.path.join(path, d, name))
    return found


def flag(file, letters):
    """Gives a file of a Maildir these flags."""
    root, name = os.path.dirname(os.path.dirname(file)), os.path.basename(file).split(":")[0]
    os.rename(file, os.path.join(root, "cur", f"{name}:2,{letters}"))


def run(*command):
    """Whether it ended well and in time."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": dir}, timeout=120).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def tries(command, most):
    """How many runs it took to end well; 0: it never did."""
    return next((i for i in range(1, most + 1) if run(*command)), 0)


def write(name, text):
    path = os.path.join(dir, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def two_way(name, command, folder, path, delete):
    """Both sides change while the service is unwell; delete(file) is how this program is told to."""
    faults = Faults()
    first = fill(folder, f"{name}.first", 30)
    with faults:
        ran = [tries(command, 6)]
        files = ids_here(path) if os.path.isdir(path) else {}
        t.check(f"{name}: comes through the faults", files, f"nothing came in {ran} runs")
        gone, flagged = [i for i in first if i in files][:5], [i for i in first if i in files][5:10]
        for id in gone:
            delete(files[id][0])
        for id in flagged:
            flag(files[id][0], "FS")
        new = [f"{name}.new.{i}" for i in range(12)]
        for i, id in enumerate(new):
            with open(os.path.join(path, "cur", f"17000000{i:02}.1_1.ci:2,S"), "wb") as f:
                f.write(letter(id).replace(b"\r\n", b"\n"))
        later = fill(folder, f"{name}.later", 10)
        ran.append(tries(command, 4))
    struck = faults.struck
    for _ in range(3):
        ran.append(tries(command, 3))
    print(f"    {name}: {struck} requests met a fault; runs until one ended well: {ran}")
    t.check(f"{name}: there were faults", struck > 3, struck)
    t.check(f"{name}: afterwards it runs clean", all(ran[2:]), ran)
    want = collections.Counter(set(first + new + later) - set(gone))
    there, here = ids_there(folder), collections.Counter({i: len(files) for i, files in ids_here(path).items()})
    t.equal(f"{name}: the service has each once", (dict(want - there), dict(there - want)), ({}, {}))
    t.equal(f"{name}: the Maildir has each once", (dict(want - here), dict(here - want)), ({}, {}))
    conn = imap.connect()
    uids = imap.must(conn.select(imap.quote(folder), readonly=True), "EXAMINE") and imap.must(conn.uid("SEARCH", "FLAGGED", "SEEN"), "SEARCH")[0].split()
    conn.logout()
    t.equal(f"{name}: flags went through", len(uids), len(flagged))


def with_mbsync():
    rc = write("mbsyncrc", f"""IMAPStore remote
Host 127.0.0.1
Port {server.imap}
User {ADDRESS}
Pass {PASSWORD}
SSLType None
Timeout 60

MaildirStore local
Path {dir}/mbsync/
SubFolders Verbatim

Channel all
Far :remote:Work
Near :local:Work
Create Near
Expunge Both
SyncState *
""")  # fmt: skip
    os.mkdir(f"{dir}/mbsync")
    two_way("mbsync", ["mbsync", "-c", rc, "all"], "Work", f"{dir}/mbsync/Work", lambda file: flag(file, "ST"))


def with_offlineimap():
    rc = write("offlineimaprc", f"""[general]
accounts = bridge
metadata = {dir}/offlineimap.state
ui = quiet
[Account bridge]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = {dir}/offlineimap
[Repository remote]
type = IMAP
remotehost = 127.0.0.1
remoteport = {server.imap}
remoteuser = {ADDRESS}
remotepass = {PASSWORD}
ssl = no
starttls = no
auth_mechanisms = PLAIN
folderfilter = lambda name: name == 'Other'
""")  # fmt: skip
    two_way("offlineimap", ["offlineimap", "-c", rc, "-o"], "Other", f"{dir}/offlineimap/Other", os.remove)


def with_getmail():
    queue = fill("Queue", "getmail", 40)
    os.makedirs(f"{dir}/getmail/state")
    os.makedirs(f"{dir}/getmail/mail/cur")
    os.makedirs(f"{dir}/getmail/mail/new")
    # It does not deliver to a Maildir as root, so a program does. getmail waits for one that ends before it listens for
    # its end, until a limit of minutes is over: the program takes its time.
    deliver = write("getmail/deliver", f"#!/bin/sh\ncat >$(mktemp {dir}/getmail/mail/new/XXXXXXXXXX)\nsleep 0.2\n")
    os.chmod(deliver, 0o755)
    write("getmail/state/rc", f"""[retriever]
type = SimpleIMAPRetriever
server = 127.0.0.1
port = {server.imap}
username = {ADDRESS}
password = {PASSWORD}
mailboxes = ("Queue",)
[destination]
type = MDA_external
path = {deliver}
allow_root_commands = true
[options]
verbose = 1
delete = true
""")  # fmt: skip
    command = ["getmail", "--getmaildir", f"{dir}/getmail/state", "--rcfile", "rc"]
    delivered, forgotten = set(), set()

    def get():
        """One run. What it delivered it remembers only when it ends well: getmail begins anew after an operation was refused."""
        ended_well = run(*command)
        came = {file for files in ids_here(f"{dir}/getmail/mail").values() for file in files} - delivered
        delivered.update(came)
        if not ended_well:
            forgotten.update(came)
        return ended_well

    faults = Faults()
    with faults:
        ran = [get() for _ in range(4)]
    ran += [get() for _ in range(2)]
    print(f"    getmail: {faults.struck} requests met a fault; runs that ended well: {ran}")
    t.check("getmail: there were faults", faults.struck > 3, faults.struck)
    here = ids_here(f"{dir}/getmail/mail")
    t.equal("getmail: each came", set(here), set(queue))
    t.equal("getmail: none came twice to runs that ended well", [i for i, files in here.items() if len(set(files) - forgotten) > 1], [])
    t.equal("getmail: none stays", ids_there("Queue"), {})


def with_smtp():
    """A program that repeats what was not taken, and nothing else."""
    ids, taken, tried = [f"smtp.{i}" for i in range(25)], set(), collections.Counter()
    faults = Faults()
    end = time.monotonic() + 120
    with faults:
        while len(taken) < len(ids) and time.monotonic() < end:
            for id in ids:
                if id in taken:
                    continue
                tried[id] += 1
                try:
                    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=60) as s:
                        s.login(ADDRESS, PASSWORD)
                        s.sendmail(ADDRESS, [f"{id}@example.org"], letter(id))
                    taken.add(id)
                except smtplib.SMTPResponseException as e:
                    if e.smtp_code >= 500:
                        t.check(f"smtp: {id} is not refused for good", False, e)
                        return
                except smtplib.SMTPRecipientsRefused as e:
                    t.check(f"smtp: {id}: its recipient is taken", False, e)
                    return
    t.equal("smtp: all are taken in the end", len(taken), len(ids))
    # What was taken over is tried again in five minutes, or when the operator says so.
    subprocess.run([server.binary, "queue", "retry", "--config", f"{dir}/config.toml", "--mailbox", "box"], check=True, capture_output=True)
    sent = {}
    while time.monotonic() < end + 60:
        recipients = [d["recipients"] for d in simulator.control("GET", "deliveries") if d["mailbox"] == ADDRESS]
        sent = collections.Counter(r.split("@")[0] for rs in recipients for r in rs)
        if len(sent) >= len(taken):
            break
        time.sleep(0.5)
    print(f"    smtp: {faults.struck} requests met a fault; {sum(tried.values())} tries for {len(ids)} messages")
    t.equal("smtp: each is delivered once", dict(sent), {i: 1 for i in taken})


simulator.add_mailbox(ADDRESS)
for name in ("Work", "Other", "Queue"):
    simulator.control("POST", f"mailboxes/{ADDRESS}/folders", {"parent": "msgfolderroot", "name": name})
with tempfile.TemporaryDirectory() as dir:
    server = Serve(dir, ADDRESS)
    server.start()
    os.environ |= {"IMAP_PORT": str(server.imap), "SMTP_PORT": str(server.smtp), "MAIL_USER": ADDRESS}
    try:
        t.run(with_mbsync, with_offlineimap, with_getmail, with_smtp)
    finally:
        server.end(signal.SIGINT)
