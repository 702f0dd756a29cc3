"""Looks at the mailbox over IMAP for the client scripts, so that what a program
says it did is checked by another one.

    imap.py create FOLDER | delete FOLDER | count FOLDER | tree | maildir DIR
    imap.py append FOLDER FILE [FLAGS]      imap.py wait FOLDER MESSAGE-ID [SECONDS]
    imap.py flags FOLDER MESSAGE-ID         imap.py body FOLDER MESSAGE-ID
    imap.py gone FOLDER MESSAGE-ID          imap.py uids FOLDER
    imap.py report ENVID [SECONDS]          prints the delivery report about that envelope, from the inbox
"""

import base64
import imaplib
import mailbox
import os
import re
import sys
import time

imaplib._MAXLINE = 10_000_000


def connect():
    conn = imaplib.IMAP4(os.environ.get("IMAP_HOST", "127.0.0.1"), int(os.environ.get("IMAP_PORT", "1143")), timeout=120)
    conn.login(os.environ.get("MAIL_USER", "demo@example.com"), os.environ.get("MAIL_PASSWORD", "demo"))
    return conn


def must(answer, what):
    """Returns the data of an answer that has to be OK."""
    status, data = answer
    if status != "OK":
        raise SystemExit(f"{what}: {status} {data!r}")
    return data


def encode_name(name):
    """Modified UTF-7 of RFC 3501 section 5.1.3."""
    out, run = [], ""
    for c in name + "\0":
        if " " <= c <= "~" or c == "\0":
            if run:
                b = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
                out.append(f"&{b}-")
                run = ""
            out.append("&-" if c == "&" else c)
        else:
            run += c
    return "".join(out)[:-1]


def quote(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def folders(conn):
    """Yields (raw name, separator) of all folders that can be selected."""
    line = re.compile(rb'\((?P<attrs>[^)]*)\) (?P<sep>NIL|"(?:\\.|[^"])*") (?P<name>.*)$')
    for item in must(conn.list('""', "*"), "LIST"):
        if isinstance(item, tuple):  # the name came as a literal
            m, name = line.match(item[0]), item[1]
        elif item:
            m, name = line.match(item), None
        else:
            continue
        if name is None:
            name = m["name"]
            if name.startswith(b'"'):
                name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
        if b"\\noselect" not in m["attrs"].lower() and b"\\nonexistent" not in m["attrs"].lower():
            yield name.decode("ascii"), m["sep"].strip(b'"').decode()


def find(conn, folder, message_id):
    """Selects the folder and returns the UID of the one message, or None."""
    must(conn.select(quote(encode_name(folder)), readonly=True), f"EXAMINE {folder}")
    uids = must(conn.uid("SEARCH", "HEADER", "Message-ID", quote(message_id)), "SEARCH")[0].split()
    if len(uids) > 1:
        raise SystemExit(f"{message_id} is {len(uids)} times in {folder}")
    return uids[0].decode() if uids else None


def wait(conn, folder, message_id, seconds):
    end = time.monotonic() + seconds
    while True:
        uid = find(conn, folder, message_id)
        if uid:
            return uid
        if time.monotonic() > end:
            raise SystemExit(f"{message_id} did not come into {folder} within {seconds} s")
        time.sleep(0.5)


def report(conn, envid, seconds):
    end = time.monotonic() + seconds
    while True:
        must(conn.select("INBOX", readonly=True), "EXAMINE INBOX")
        uids = must(conn.uid("SEARCH", "BODY", quote(f"Original-Envelope-Id: {envid}")), "SEARCH")[0].split()
        if len(uids) > 1:
            raise SystemExit(f"there are {len(uids)} reports about {envid}")
        if uids:
            return must(conn.uid("FETCH", uids[0], "(BODY.PEEK[])"), "FETCH")[0][1]
        if time.monotonic() > end:
            raise SystemExit(f"no report about {envid} within {seconds} s")
        time.sleep(0.5)


LETTERS = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D", "\\Deleted": "T"}


def identity(text):
    """What a copy of a message is recognised by: header fields, since bytes may carry marks of the program.
    Read by hand, because odd lines between the fields must not end the header."""
    header = re.split(rb"\r?\n\r?\n", text.lstrip(b"\r\n"), maxsplit=1)[0]
    header = re.sub(rb"\r?\n(?=[ \t])", b"", header)
    values = []
    for name in (b"Message-ID", b"Date", b"Subject"):
        m = re.search(rb"(?im)^" + name + rb"[ \t]*:(.*)$", header)
        values.append(" ".join(m[1].decode("utf-8", "replace").split()) if m else "")
    return "|".join(values)


def tree(conn):
    lines = []
    for name, separator in folders(conn):
        must(conn.select(quote(name), readonly=True), f"EXAMINE {name}")
        data = must(conn.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE SUBJECT)])"), "FETCH")
        for i, item in enumerate(data):
            if not isinstance(item, tuple):
                continue
            rest = data[i + 1] if i + 1 < len(data) and isinstance(data[i + 1], bytes) else b""
            m = re.search(rb"FLAGS \(([^)]*)\)", item[0] + rest)
            flags = "".join(sorted(LETTERS.get(f, "") for f in m[1].decode().split()))
            lines.append(f"{name.replace(separator, '/')}\t{identity(item[1])}\t{flags}")
    return sorted(lines)


def uids(conn, folder):
    """Who has which UID: lines that may never change as long as a message is there."""
    must(conn.select(quote(encode_name(folder)), readonly=True), f"EXAMINE {folder}")
    validity = conn.response("UIDVALIDITY")[1][0].decode()
    data = must(conn.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE SUBJECT)])"), "FETCH")
    for i, item in enumerate(data):
        if isinstance(item, tuple):
            rest = data[i + 1] if i + 1 < len(data) and isinstance(data[i + 1], bytes) else b""
            uid = re.search(rb"UID (\d+)", item[0] + rest)[1].decode()
            yield f"{folder}\t{validity}\t{uid}\t{identity(item[1])}"


def maildir(root):
    """The same of a tree of Maildirs whose folders are directories inside each other."""
    lines = []
    for path, dirs, _ in os.walk(root):
        if not {"cur", "new", "tmp"} <= set(dirs):
            continue
        name = os.path.relpath(path, root)
        box = mailbox.Maildir(path, create=False, factory=None)
        for key in box.keys():
            flags = "".join(sorted(f for f in box[key].get_flags() if f in "SRFDT"))
            lines.append(f"{name}\t{identity(box.get_bytes(key))}\t{flags}")
        for d in ("cur", "new", "tmp"):
            dirs.remove(d)
    return sorted(lines)


def main(args):
    command, args = args[0], args[1:]
    if command == "maildir":
        print("\n".join(maildir(args[0])))
        return
    conn = connect()
    if command == "create":
        must(conn.create(quote(encode_name(args[0]))), f"CREATE {args[0]}")
    elif command == "delete":
        must(conn.delete(quote(encode_name(args[0]))), f"DELETE {args[0]}")
    elif command == "count":
        print(int(must(conn.select(quote(encode_name(args[0])), readonly=True), f"EXAMINE {args[0]}")[0]))
    elif command == "tree":
        print("\n".join(tree(conn)))
    elif command == "uids":
        print("\n".join(uids(conn, args[0])))
    elif command == "append":
        with open(args[1], "rb") as f:
            text = f.read()
        flags = f"({args[2]})" if len(args) > 2 else None
        must(conn.append(quote(encode_name(args[0])), flags, None, text), f"APPEND {args[0]}")
    elif command == "wait":
        print(wait(conn, args[0], args[1], float(args[2]) if len(args) > 2 else 120))
    elif command == "gone":
        uid = find(conn, args[0], args[1])
        if uid is not None:
            raise SystemExit(f"{args[1]} is still in {args[0]}, UID {uid}")
    elif command == "report":
        sys.stdout.buffer.write(report(conn, args[0], float(args[1]) if len(args) > 1 else 60))
    elif command in ("flags", "body"):
        uid = find(conn, args[0], args[1])
        if uid is None:
            raise SystemExit(f"{args[1]} is not in {args[0]}")
        if command == "flags":
            data = must(conn.uid("FETCH", uid, "(FLAGS)"), "FETCH")
            print(" ".join(sorted(re.search(rb"FLAGS \(([^)]*)\)", data[0])[1].decode().split())))
        else:
            sys.stdout.buffer.write(must(conn.uid("FETCH", uid, "(BODY.PEEK[])"), "FETCH")[0][1])
    else:
        raise SystemExit(__doc__)
    conn.logout()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
