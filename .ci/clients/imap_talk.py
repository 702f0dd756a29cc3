"""IMAP by hand: sends lines, takes responses apart, and makes equal what may differ."""

import re


class Session:
    """One IMAP connection, by hand."""

    def __init__(self, sock):
        sock.settimeout(60)
        self.sock, self.file, self.count = sock, sock.makefile("rb"), 0
        self.line()

    def line(self):
        """A response: octets, and its literals as bytearrays between them."""
        pieces = []
        while True:
            text = self.file.readline()
            if not text:
                raise EOFError(f"connection closed after {pieces!r}")
            literal = re.search(rb"~?\{(\d+)\+?\}\r\n$", text)
            if not literal:
                return pieces + [text.rstrip(b"\r\n")]
            pieces += [text[: literal.start()], bytearray(self.file.read(int(literal[1])))]

    def send(self, text, literal=None):
        self.count += 1
        tag = b"t%d" % self.count
        self.sock.sendall(tag + b" " + text.encode() + b"\r\n")
        if literal is not None and (first := self.line())[0].startswith(b"+"):
            self.sock.sendall(literal + b"\r\n")
        elif literal is not None:
            return tag, first
        return tag, None

    def read(self, tag, first=None):
        """The untagged responses up to the tagged one, and that."""
        untagged = []
        while True:
            line, first = first or self.line(), None
            if line[0].startswith(tag + b" "):
                return [parse(x) for x in untagged], line[0].split(b" ")[1].decode()
            untagged.append(line)
            if line[0].startswith(b"+"):
                self.sock.sendall(b"*\r\n")

    def do(self, text, literal=None):
        return self.read(*self.send(text, literal))


TOKEN = re.compile(rb' *(?:(\()|(\))|"((?:\\.|[^"\\])*)"|([^ ()"\[\]]*(?:\[[^\]]*\])?(?:<\d+>)?[^ ()"\[\]]*))')


def parse(pieces):
    """Nested lists of str for atoms, bytes for strings, None for NIL."""
    stack = [[]]
    for piece in pieces:
        if isinstance(piece, bytearray):
            stack[-1].append(bytes(piece))
            continue
        at = 0
        while at < len(piece):
            m = TOKEN.match(piece, at)
            if m.end() == at:
                raise ValueError(f"{piece[at:]!r} in a response")
            at = m.end()
            if m[1]:
                stack.append([])
            elif m[2]:
                done = stack.pop()
                stack[-1].append(done)
            elif m[3] is not None:
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", m[3]))
            elif m[4]:
                stack[-1].append(None if m[4].upper() == b"NIL" else m[4].decode("latin-1"))
    return stack[0]


def same(command, untagged, status):
    """An answer without what may differ."""
    fetched, rest = {}, []
    for u in untagged:
        kind = u[2].upper() if len(u) > 2 and isinstance(u[2], str) and str(u[1]).isdigit() else str(u[1]).upper()
        if kind == "FETCH":
            row = fetched.setdefault(u[1], {})
            for k, v in zip(u[3][::2], u[3][1::2]):
                if (k := k.upper().replace('"', "")) not in ("MODSEQ", "UID") or k in command.upper():
                    row[k] = item(k, v)
        elif kind in ("LIST", "LSUB"):
            attributes = sorted(a for a in map(str.lower, u[2]) if a in ("\\noselect", "\\noinferiors"))
            rest.append([kind, attributes, u[3], text(u[4])])
        elif kind == "STATUS":
            rest.append([kind, text(u[2]), u[3]])
        elif kind == "ESEARCH":  # without the tag; the order of results is free
            pairs = dict(zip(map(str, u[3::2]), u[4::2]))
            pairs.pop("MODSEQ", None)
            rest.append([kind, sorted(map(str, pairs.items()))])
        elif kind == "SEARCH":
            rest.append([x for x in u[1:] if not isinstance(x, list)])  # modseqs are the server's own
        elif kind not in ("OK", "NO", "FLAGS", "RECENT", "CAPABILITY", "BYE", "NAMESPACE"):
            rest.append(u[1:])
    if "STORE" in command:
        fetched = {}  # Dovecot is silent about what did not change; FETCH comes after it
    if re.match("LIST|LSUB", command):
        rest.sort(key=str)
    return status, rest, fetched


def text(name):
    return name.decode() if isinstance(name, bytes) else name


def item(key, value):
    if key == "INTERNALDATE":
        return value.replace(b" ", b"0", 1) if value[:1] == b" " else value  # date-day-fixed has two forms
    if key == "FLAGS":
        return sorted(str(f).lower() for f in value if f != "\\Recent")
    if key.startswith(("BODY[", "BINARY[")) and value is None:
        return b""  # a part that is not there: NIL, or empty
    if key == "MODSEQ":
        return "modseq"
    if key == "PREVIEW":
        return value is not None  # what is in it is the server's affair
    return value
