#!/usr/bin/env python3
"""imaplib: a whole session, every command of IMAP4rev1 and the extensions that the server offers."""

import imaplib
import random
import re
import socket
import time

from checks import IMAP, PASSWORD, USER, Checks
from imap import connect, encode_name, folders, must, quote

t = Checks("imaplib_session")
FOLDER = f"CI imaplib {random.randrange(10**6)}"
INNER = FOLDER + "/Überweisungen & 日本"
imaplib.Commands.update({"MOVE": ("SELECTED",), "ID": ("NONAUTH", "AUTH", "SELECTED")})


def letter(subject, extra=""):
    return (
        f"From: Demo <{USER}>\r\nTo: {USER}\r\nSubject: {subject}\r\nMessage-ID: <{random.getrandbits(64):x}@ci.example.com>\r\n"
        f"Date: Mon, 02 Feb 2026 10:11:12 +0100\r\n{extra}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n.\r\nEnde\r\n"
    ).encode()


def raw(lines, until=b"z "):
    """A dialogue by hand: sends the lines and reads to the tagged answer of the last one."""
    with socket.create_connection(IMAP, timeout=60) as s:
        f = s.makefile("rwb")
        answers = [f.readline()]
        for line in lines:
            f.write(line + b"\r\n")
            f.flush()
            tag = line.split(b" ")[0] + b" "
            while True:
                answers.append(f.readline())
                if not answers[-1] or answers[-1].startswith((tag, b"+", b"* BAD")):
                    break
        return answers


def greeting():
    conn = imaplib.IMAP4(*IMAP, timeout=60)
    must(conn.capability(), "CAPABILITY")
    t.check("greeting is OK", conn.welcome.startswith(b"* OK"), conn.welcome)
    t.raises("a wrong password is refused", imaplib.IMAP4.error, lambda: conn.login(USER, "wrong"))
    must(conn.noop(), "NOOP after the refusal")
    must(conn.authenticate("PLAIN", lambda _: f"{USER}\0{USER}\0{PASSWORD}".encode()), "AUTHENTICATE")
    t.check("the connection survives it, AUTHENTICATE PLAIN works", conn.state == "AUTH")
    # What belongs to logging in (SASL-IR) may go from the list with it.
    offered = set(conn.capabilities) | set(must(conn.capability(), "CAPABILITY")[-1].decode().upper().split())
    for word in ("IMAP4REV1", "SASL-IR", "LITERAL+", "ID", "NAMESPACE", "UNSELECT", "CHILDREN", "SPECIAL-USE", "UIDPLUS", "MOVE", "IDLE"):
        t.check(f"offers {word}", word in offered, offered)
    t.equal("LOGOUT", conn.logout()[0], "BYE")


def folders_come_and_go():
    conn = connect()
    names = [n for n, _ in folders(conn)]
    t.check("INBOX is listed", "INBOX" in names, names)
    t.equal("no folder is listed twice", len(names), len(set(names)))
    special = b" ".join(x for x in must(conn.list(), "LIST") if isinstance(x, bytes))
    for use in (b"\\Sent", b"\\Drafts", b"\\Trash", b"\\Junk"):
        t.check(f"special use {use.decode()}", use in special, special)
    status = [must(conn.status(quote(n), "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)"), n)[0] for n in names]
    t.check("STATUS of every folder", all(re.search(rb"MESSAGES \d+", s) for s in status), status)
    must(conn.create(quote(FOLDER)), "CREATE")
    must(conn.create(quote(encode_name(INNER))), "CREATE")
    t.check("created, with other scripts and signs", encode_name(INNER) in [n for n, _ in folders(conn)])
    t.equal("CREATE of what exists", conn.create(quote(FOLDER))[0], "NO")
    must(conn.subscribe(quote(FOLDER)), "SUBSCRIBE")
    t.check("LSUB", any(FOLDER.encode() in x for x in must(conn.lsub(), "LSUB") if x))
    must(conn.unsubscribe(quote(FOLDER)), "UNSUBSCRIBE")
    t.check("LSUB without it", not any(x.rstrip(b'"').endswith(FOLDER.encode()) for x in must(conn.lsub(), "LSUB") if x))
    must(conn.rename(quote(encode_name(INNER)), quote(FOLDER + "/renamed")), "RENAME")
    t.check("renamed", FOLDER + "/renamed" in [n for n, _ in folders(conn)])
    must(conn.delete(quote(FOLDER + "/renamed")), "DELETE")
    t.check("deleted", FOLDER + "/renamed" not in [n for n, _ in folders(conn)])
    t.equal("SELECT of what does not exist", conn.select(quote("No such folder"))[0], "NO")
    t.check("NAMESPACE", must(conn.namespace(), "NAMESPACE")[0].startswith(b"(("))
    conn.logout()


def reading():
    conn = connect()
    exists = int(must(conn.select("INBOX"), "SELECT")[0])
    t.check("there is mail", exists > 0, exists)
    uids = must(conn.uid("SEARCH", None, "ALL"), "SEARCH")[0].split()
    t.equal("as many UIDs as EXISTS", len(uids), exists)
    t.check("in ascending order", uids == sorted(set(uids), key=int))
    flags = must(conn.uid("FETCH", "1:*", "(FLAGS)"), "FETCH")
    t.equal("FLAGS of all", len(flags), exists)
    rows = must(conn.fetch("1:*", "(UID RFC822.SIZE INTERNALDATE ENVELOPE)"), "FETCH")
    joined = b"\n".join(b"".join(p for p in x) if isinstance(x, tuple) else x for x in rows)
    t.equal("ENVELOPE of all", len(re.findall(rb"ENVELOPE \(", joined)), exists)
    for uid in random.sample(uids, min(12, exists)):
        one_message(conn, uid.decode())
    conn.logout()


def one_message(conn, uid):
    def part(item):
        data = must(conn.uid("FETCH", uid, f"({item})"), f"FETCH {item}")
        return next((x[1] for x in data if isinstance(x, tuple)), b"")

    whole, header, text = part("BODY.PEEK[]"), part("BODY.PEEK[HEADER]"), part("BODY.PEEK[TEXT]")
    t.check(f"UID {uid}: BODY[] is HEADER and TEXT", whole == header + text and whole, (len(whole), len(header), len(text)))
    size = int(re.search(rb"RFC822.SIZE (\d+)", must(conn.uid("FETCH", uid, "(RFC822.SIZE)"), "FETCH")[0])[1])
    t.equal(f"UID {uid}: RFC822.SIZE", size, len(whole))
    pieces = b"".join(part(f"BODY.PEEK[]<{i}.5000>") for i in range(0, len(whole), 5000)) if len(whole) < 200000 else whole
    t.check(f"UID {uid}: partial fetches make the whole", pieces == whole, (len(pieces), len(whole)))
    fields = part("BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    subject = re.search(rb"(?im)^subject:.*(?:\r\n[ \t].*)*\r\n", header)
    t.equal(f"UID {uid}: HEADER.FIELDS", fields, (subject[0] if subject else b"") + b"\r\n")
    data = must(conn.uid("FETCH", uid, "(BODYSTRUCTURE)"), "BODYSTRUCTURE")
    structure = b"".join(x if isinstance(x, bytes) else x[0] + x[1] for x in data)
    bare = re.sub(rb'"(?:\\.|[^"\\])*"', b"", structure)
    t.check(f"UID {uid}: BODYSTRUCTURE is balanced", bare.count(b"(") == bare.count(b")") > 1, structure)


def searching():
    conn = connect()
    exists = int(must(conn.select("INBOX", readonly=True), "EXAMINE")[0])
    everything = set(must(conn.search(None, "ALL"), "SEARCH")[0].split())

    def search(*keys):
        return set(must(conn.search(None, *keys), f"SEARCH {keys}")[0].split())

    t.equal("SEEN and UNSEEN share out the folder", (search("SEEN") | search("UNSEEN"), search("SEEN") & search("UNSEEN")), (everything, set()))
    t.equal("NOT", search("NOT", "FLAGGED"), everything - search("FLAGGED"))
    t.equal("OR", search("OR", "FLAGGED", "SEEN"), search("FLAGGED") | search("SEEN"))
    t.equal("LARGER and SMALLER", search("LARGER", "10000") | search("NOT", "LARGER", "10000"), everything)
    t.equal("BEFORE and SINCE", (search("BEFORE", "1-Jun-2026") | search("SINCE", "1-Jun-2026"), search("BEFORE", "1-Jun-2026") & search("SINCE", "1-Jun-2026")), (everything, set()))
    t.equal("a set of numbers", search(f"1:{min(5, exists)}"), {str(i).encode() for i in range(1, min(5, exists) + 1)})
    t.check("SUBJECT", search("SUBJECT", '"invoice"') <= everything)
    conn.literal = "größe".encode()
    t.check("CHARSET UTF-8 with a literal", conn.search("UTF-8", "TEXT")[0] == "OK")
    t.raises("an unknown key is BAD", imaplib.IMAP4.error, lambda: conn.search(None, "NONSENSE"))
    t.equal("the connection goes on", conn.noop()[0], "OK")
    conn.logout()


def writing():
    conn = connect()
    first = letter("imaplib one")
    answer = must(conn.append(quote(FOLDER), r"(\Seen \Flagged)", '"05-Feb-2026 06:07:08 +0100"', first), "APPEND")[0]
    t.check("APPENDUID", b"APPENDUID" in answer, answer)
    for n in ("two", "three", "four"):
        must(conn.append(quote(FOLDER), None, None, letter("imaplib " + n)), "APPEND")
    t.equal("APPEND to nowhere", conn.append(quote("No such folder"), None, None, first)[0], "NO")
    t.equal("four messages", int(must(conn.select(quote(FOLDER)), "SELECT")[0]), 4)
    data = must(conn.fetch("1", "(FLAGS INTERNALDATE BODY.PEEK[])"), "FETCH")
    meta = data[0][0] + data[1]
    t.check("flags are kept", b"\\Seen" in meta and b"\\Flagged" in meta, meta)
    date = imaplib.Internaldate2tuple(meta)
    t.check("the date is kept", date and time.mktime(date) == 1770268028, meta)
    t.equal("the bytes are kept", data[0][1], first)
    must(conn.store("2", "+FLAGS", r"(\Answered $Important)"), "STORE")
    must(conn.store("2", "-FLAGS", r"(\Answered)"), "STORE")
    line = must(conn.fetch("2", "(FLAGS)"), "FETCH")[0]
    t.check("a keyword stays, a flag goes", b"$Important" in line and b"\\Answered" not in line, line)
    t.equal("UNSEEN", must(conn.search(None, "UNSEEN"), "SEARCH")[0], b"2 3 4")
    must(conn.fetch("3", "(BODY[TEXT])"), "FETCH")
    t.equal("reading marks as read", must(conn.search(None, "UNSEEN"), "SEARCH")[0], b"2 4")
    must(conn.create(quote(FOLDER + "/Copies")), "CREATE")
    must(conn.copy("1:2", quote(FOLDER + "/Copies")), "COPY")
    t.check("COPYUID", conn.response("COPYUID")[1] != [None])
    must(conn.uid("MOVE", must(conn.uid("SEARCH", None, "4"), "SEARCH")[0].decode(), quote(FOLDER + "/Copies")), "UID MOVE")
    t.equal("moved away", len(must(conn.search(None, "ALL"), "SEARCH")[0].split()), 3)
    t.equal("COPY to nowhere", conn.copy("1", quote("No such folder"))[0], "NO")
    must(conn.store("1,3", "+FLAGS.SILENT", r"(\Deleted)"), "STORE")
    uids = must(conn.uid("SEARCH", None, "ALL"), "SEARCH")[0].split()
    must(conn.expunge(), "EXPUNGE")
    t.equal("EXPUNGE leaves the one between", must(conn.uid("SEARCH", None, "ALL"), "SEARCH")[0].split(), uids[1:2])
    must(conn.store("1", "+FLAGS", r"(\Deleted)"), "STORE")
    must(conn.close(), "CLOSE")
    t.equal("CLOSE expunged", int(must(conn.select(quote(FOLDER), readonly=True), "EXAMINE")[0]), 0)
    t.equal("three in the copies", int(must(conn.select(quote(FOLDER + "/Copies"), readonly=True), "EXAMINE")[0]), 3)
    before = must(conn.fetch("1:*", "(FLAGS)"), "FETCH")
    conn.store("1", "+FLAGS", r"(\Draft)")
    t.equal("no STORE in a folder that was examined", must(conn.fetch("1:*", "(FLAGS)"), "FETCH"), before)
    must(conn.unselect(), "UNSELECT")
    conn.logout()


def two_sessions():
    one, two = connect(), connect()
    must(one.select(quote(FOLDER + "/Copies")), "SELECT")
    must(two.select(quote(FOLDER + "/Copies")), "SELECT")
    tag = one._new_tag()
    one.send(tag + b" IDLE\r\n")
    t.check("IDLE begins", one.readline().startswith(b"+"))
    must(two.append(quote(FOLDER + "/Copies"), None, None, letter("seen by the other")), "APPEND")
    lines = []
    while not lines or b"EXISTS" not in lines[-1]:
        lines.append(one.readline())
    t.check("the idle session learns of new mail", lines[-1].strip() == b"* 4 EXISTS", lines)
    must(two.store("1", "+FLAGS", r"(\Deleted)"), "STORE")
    must(two.expunge(), "EXPUNGE")
    while b"EXPUNGE" not in lines[-1]:
        lines.append(one.readline())
    t.equal("and of an expunge", lines[-1].strip(), b"* 1 EXPUNGE")
    one.send(b"DONE\r\n")
    while not lines[-1].startswith(tag):
        lines.append(one.readline())
    t.check("IDLE ends", lines[-1].startswith(tag + b" OK"), lines[-1])
    t.equal("numbers agree", must(one.uid("SEARCH", None, "ALL"), "SEARCH"), must(two.uid("SEARCH", None, "ALL"), "SEARCH"))
    one.logout()
    two.logout()


def identity_lasts():
    seen = []
    for _ in range(2):
        conn = connect()
        must(conn.select("INBOX", readonly=True), "EXAMINE")
        seen.append((conn.response("UIDVALIDITY")[1], must(conn.uid("SEARCH", None, "ALL"), "SEARCH")))
        conn.logout()
    t.equal("UIDVALIDITY and UIDs are the same in the next session", seen[0], seen[1])


def malformed():
    login = f"a LOGIN {USER} {PASSWORD}".encode()
    for line in (b"b", b"b NOSUCH", b"b FETCH", b"b SELECT", b'b SELECT "unfinished', b"b SEARCH )", b"b STORE 1 FLAGS", b"b UID", b"* * *", b"b FETCH 0 FLAGS", b"b LIST \xff\xfe"):
        answers = raw([login, line, b"z NOOP"])
        t.check(f"{line!r} is refused and the connection goes on", b"BAD" in answers[-2] or b"NO" in answers[-2], answers)
        t.check(f"NOOP after {line!r}", answers[-1].startswith(b"z OK"), answers)


def clean_up():
    conn = connect()
    for name in (FOLDER + "/Copies", FOLDER):
        must(conn.delete(quote(name)), "DELETE")
    t.check("the folders are gone", not [n for n, _ in folders(conn) if n.startswith(FOLDER)])
    conn.logout()


t.run(greeting, folders_come_and_go, reading, searching, writing, two_sessions, identity_lasts, malformed, clean_up)
