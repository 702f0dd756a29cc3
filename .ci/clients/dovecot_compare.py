#!/usr/bin/env python3
"""Asks Dovecot and us the same things about the same messages and compares the answers.

    dovecot_compare.py COMMAND...     COMMAND starts an IMAP session of Dovecot, logged in

What is compared: OK, NO or BAD, and the data, but not texts, response codes and order
of FETCH items. Where both may be right, same() makes them equal and says why; commands
that are answered differently on purpose are in DIFFERENT, with the reason."""

import re
import socket
import subprocess
import sys

from checks import IMAP, PASSWORD, USER, Checks
from dovecot_asks import FETCHES, FOLDER, MAILS, MOVES, NAMES, RETURNS, SEARCHES, SECTIONS, STORES, WRONG_SEARCHES
from imap_talk import Session, same

t = Checks("dovecot_compare")

# Pattern of commands, and why we answer differently. One that nothing needs is a failure.
DIFFERENT = [
    (r"SEARCH (50:\*|\*:50)", 'RFC 3501 §9 seq-range: "*" is the largest number, on whichever side'),
    (r"SEARCH (NOT \(SEEN FLAGGED\)|OR NOT SEEN NOT FLAGGED)", "Dovecot 2.3 leaves out what comes before the first message without \\Seen"),
    (r"SEARCH SENT(BEFORE|SINCE|ON) (3-Feb-2026|4-Feb-2026|1-Jan-2000|1-Jan-1970)", "a Date that cannot be read is 1970 for Dovecot, the day of arrival for us"),
    (r'SEARCH BODY "boundary=deep"', "the header of an attached message is in the body"),
    (r'SEARCH SUBJECT "folded\t', "we search for white space as white space"),
    (r"SEARCH 1,$|(FETCH|STORE) .* \(\)$|STORE 1 \(\) FLAGS|STORE 1 FLAGS$|LIST \"\" \(\)$", "Dovecot takes what RFC 3501 §9 does not allow"),
    (r"SEARCH BEFORE 3[02]-", "there is no such day"),
    (r"(SORT \(SUBJECT\)|THREAD REFERENCES) ALL$", "ALL stands where a character set must: NO with BADCHARSET"),
    (r"FETCH 1 \((ALL|FLAGS ALL)\)$", "macros in parentheses do no harm"),
    (r"FETCH 1 (BODYSTRUCTURE\.PEEK|INTERNALDATE\.X)$|FETCH \S+ \(?BODY.PEEK\[0\.1\]", "Dovecot takes what RFC 3501 §9 does not allow"),
    (r"FETCH \S+ BODY.PEEK\[\w*\]<(0\.0|4294967296\.1)>", "partial is <number.nz-number> of 32 bits"),
    (r"STORE 1 FLAGS \(\\(Recent|Foo)\)$", "flags that cannot be set are left out, as PERMANENTFLAGS says"),
    (r"^(STORE|EXPUNGE|MOVE).* # read-only", "RFC 3501 §6.3.2: no changes in a folder that was opened with EXAMINE"),
    (r" extra$", "what follows a command is not ignored"),
    (r"(CREATE|LIST \"\") \"?%s/\.\.?\"?$" % FOLDER, "a folder of Exchange may have this name"),
    (r"SUBSCRIBE .*nowhere", "RFC 3501 §6.3.6 leaves it to the server whether the name must exist"),
    (r'LIST "%s/a" /%%' % FOLDER, "names have no root: the pattern follows the reference (RFC 3501 §6.3.8 leaves it open)"),
    (r"SEARCH ALL # gone", "what is expunged is not found, Dovecot finds it until it was told"),
    (r'(DELETE|RENAME) ".*/a"( INBOX)?$', "a folder of Exchange does not go without those below it"),
    (r"FETCH \S+ \(?BODY.PEEK\[[12]\.1\]", "RFC 3501 §6.4.5: a part that is neither multipart nor message has no part 1"),
    (r"^ENABLE$", "RFC 5161 §3.1: ENABLE names at least one capability"),
    (r"FETCH 3 BINARY(\.PEEK)?\[", "RFC 3516 decodes parts, not what is inside multiparts and messages"),
]


def dovecot():
    ours, theirs = socket.socketpair()
    subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    theirs.close()
    return Session(ours)


def bridge():
    s = Session(socket.create_connection(IMAP))
    if s.do(f"LOGIN {USER} {PASSWORD}")[1] != "OK":
        raise SystemExit("LOGIN is refused")
    return s


class Pair:
    """The two servers, asked together."""

    needed = set()

    def __init__(self):
        self.sessions = (dovecot(), bridge())

    def ask(self, name, commands, literal=None):
        wrong = []
        for c in commands:
            shown, c = c, c.split(" # ")[0]
            a, b = (same(c, *s.do(c, literal)) for s in self.sessions)
            if a == b:
                continue
            why = next((i for i, (pattern, _) in enumerate(DIFFERENT) if re.search(pattern, shown)), None)
            if why is None:
                wrong.append(f"{shown}\n      Dovecot {difference(a, b)}\n      we      {difference(b, a)}")
            else:
                self.needed.add(why)
        t.check(f"{name}: {len(commands)} commands", not wrong, "\n    ".join(wrong[:12]))

    def prepare(self, *commands):
        for s in self.sessions:
            for c in commands:
                s.do(c)


def difference(a, b):
    if isinstance(a, tuple) and a[:2] == b[:2]:  # in FETCH: the first message and item
        for n in sorted(set(a[2]) | set(b[2]), key=int):
            x, y = a[2].get(n, {}), b[2].get(n, {})
            for k in sorted(set(x) | set(y)):
                if x.get(k) != y.get(k):
                    return f"{n} {k}: {x.get(k)!r:.300}"
    return repr(a[:2])[:300]


def sort_and_thread():
    keys = ["(SUBJECT)", "(REVERSE SUBJECT)", "(TO)", "(CC)", "(DATE)", "(REVERSE DATE)", "(ARRIVAL)", "(SIZE)", "(FROM)", "(REVERSE SIZE SUBJECT)", "(FROM REVERSE SUBJECT)", "(DISPLAYFROM)", "(SUBJECT DATE ARRIVAL SIZE)"]
    yield from (f"{uid}SORT {k} UTF-8 {what}" for k in keys for uid in ("", "UID ") for what in ("ALL", "UNSEEN 3:9"))
    yield from (f"SORT {x}".strip() for x in ("", "(SUBJECT)", "() UTF-8 ALL", "(FOO) UTF-8 ALL", "(REVERSE) UTF-8 ALL", "(SUBJECT) ALL", "(SUBJECT) UTF-8", "SUBJECT UTF-8 ALL", "(SUBJECT) UTF-8 FOO"))
    yield from (f"{uid}THREAD {a} {x}" for uid in ("", "UID ") for a in ("REFERENCES", "ORDEREDSUBJECT", "FOO") for x in ("UTF-8 ALL", "US-ASCII SEEN"))
    yield from ("THREAD", "THREAD REFERENCES UTF-8", "THREAD REFERENCES ALL")


def partials():
    for p in ("0.10", "5.1000000", "100000.5", "3.1", "0.4294967295", "4294967295.1", "0.0", "4294967296.1"):
        yield from (f"FETCH 1:* BODY.PEEK[{s}]<{p}>" for s in ("", "HEADER", "TEXT", "1", "2", "9"))


def pipeline(pair):
    """Commands sent at once, with a literal among them. Dovecot may answer them in another order."""
    block = f'a SELECT "{FOLDER}"\r\nb FETCH 1:3 (UID FLAGS)\r\nc SEARCH ALL\r\nd APPEND "{FOLDER}" {{5+}}\r\nx: y\n\r\ne NOOP\r\nf NONSENSE\r\ng FETCH 1 (UID)\r\n'
    answers = []
    for s in pair.sessions:
        s.sock.sendall(block.encode())
        statuses = {}
        while len(statuses) < 7:
            line = s.line()[0]
            if line[:2] in (b"a ", b"b ", b"c ", b"d ", b"e ", b"f ", b"g "):
                statuses[line[:1]] = line.split(b" ")[1]
        answers.append(statuses)
    t.equal("pipelined commands", answers[1], answers[0])


def sessions(pair):
    """What a second session hears of what the first does."""
    other = Pair()
    for p in (pair, other):
        p.prepare(f'SELECT "{FOLDER}"', "NOOP")
    for step in (r"STORE 1 +FLAGS (\Deleted)", "UID STORE 2:3 +FLAGS (kw9)", "EXPUNGE", f'COPY 1 "{FOLDER}"', f'MOVE 2 "{FOLDER}/Copies"'):
        pair.prepare(step)
        other.ask(f"a second session after {step}", ["NOOP", "FETCH 1:* (UID FLAGS)"])
    pair.prepare(r"STORE 1 +FLAGS (\Deleted)", "EXPUNGE")
    other.ask("a message that is gone and not yet told", ["SEARCH ALL # gone", "NOOP", "SEARCH ALL", "FETCH 1:* UID"])


def main():
    pair = Pair()
    pair.prepare(f'DELETE "{FOLDER}/Copies"', f'DELETE "{FOLDER}"', f'CREATE "{FOLDER}"')
    for text, flags, date in MAILS:
        for s in pair.sessions:
            if (answer := s.do(f'APPEND "{FOLDER}" ({flags}) "{date}" {{{len(text)}}}', text))[1] != "OK":
                raise SystemExit(f"APPEND: {answer!r}")
    pair.prepare(f'SELECT "{FOLDER}"', "FETCH 1:* (BODY.PEEK[])")
    pair.ask("ENVELOPE, BODYSTRUCTURE and the like", ["FETCH 1:* (FLAGS UID INTERNALDATE RFC822.SIZE)", *(f"FETCH 1:* {x}" for x in ("ENVELOPE", "BODY", "BODYSTRUCTURE", "ALL", "FAST", "FULL", "RFC822.HEADER", "BODY.PEEK[]"))])
    pair.ask("sections", [f"FETCH 1:* (BODY.PEEK[{s}])" for s in SECTIONS])
    pair.ask("partial fetches", list(partials()))
    pair.ask("BINARY", ["FETCH 6 (BINARY.PEEK[1] BINARY.SIZE[1])", "FETCH 3 (BINARY.PEEK[3] BINARY.SIZE[3])", "FETCH 3 BINARY.PEEK[1]", "FETCH 1,2,4 BINARY.PEEK[1]<0.5>", "FETCH 1 PREVIEW"])
    pair.ask("FETCH, right and wrong", FETCHES)
    pair.ask("SEARCH", [f"{uid}SEARCH {k}" for k in SEARCHES for uid in ("", "UID ")])
    pair.ask("SEARCH with mistakes", [f"SEARCH {k}" for k in WRONG_SEARCHES])
    pair.ask("SEARCH with results", RETURNS)
    for charset, word in (("UTF-8", "Grüße".encode()), ("ISO-8859-1", "Grüße".encode("latin-1")), ("UTF-8", "KÖLN".encode()), ("US-ASCII", b"plain")):
        pair.ask(f"SEARCH in {charset} for {word!r}", [f"SEARCH CHARSET {charset} SUBJECT {{{len(word)}}}"], word)
    pair.ask("SORT and THREAD", list(sort_and_thread()))
    pair.ask("STORE", STORES)
    pair.ask("COPY, MOVE, EXPUNGE and states", MOVES)
    pipeline(pair)
    sessions(pair)
    pair.prepare("UNSELECT")
    pair.ask("folders", NAMES)
    unneeded = [why for i, (_, why) in enumerate(DIFFERENT) if i not in Pair.needed]
    t.check("every exception is one", not unneeded, unneeded)
    for n in ("c", "&APw-mlaut", "am&-amp", "q\\\"q", ".", "a/b/d", "a/b", "a", "e/b/d", "e/b", "e", "Copies"):
        pair.prepare(f'DELETE "{FOLDER}/{n}"')
    pair.prepare(f'DELETE "{FOLDER}"')
    for n in ("Copies", FOLDER):  # ours are in Deleted Items now, with mail that no other program keeps
        pair.sessions[1].do(f'DELETE "Deleted Items/{n}"')


t.run(main)
