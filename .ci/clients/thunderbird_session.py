#!/usr/bin/env python3
"""Thunderbird with an account on the server: headers, text, flags both ways, folders, IDLE, drafts, sending,
and what it asks for when it comes back after others changed the folder (CONDSTORE)."""

import email
import email.policy
import email.utils
import os
import random
import re
import signal
import tempfile
import time

import imap
from checks import IMAP, USER, Checks
from imap import connect, encode_name, find, must, quote
from serve import Serve
from thunderbird import Thunderbird

t = Checks("thunderbird_session")
FOLDER = f"CI thunderbird {random.randrange(10**6)}"
INNER = "Größe & Übersicht"


def letter(subject, text="Grüße\n.\n..\nEnde\n"):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"], m["To"], m["Subject"], m["Date"] = f"Demo User <{USER}>", USER, subject, email.utils.formatdate()
    m["Message-ID"] = email.utils.make_msgid(domain="ci.example.com")
    m.set_content(text)
    return m


def key(m):
    """The Message-ID as Thunderbird keeps it."""
    return m["Message-ID"].strip("<>")


def other(work):
    """Another session does something: work gets its connection."""
    conn = connect()
    try:
        return work(conn)
    finally:
        conn.logout()


def append(folder, m):
    other(lambda c: must(c.append(quote(encode_name(folder)), None, None, m.as_bytes()), "APPEND"))


def fetch(folder, message_id, item):
    def work(c):
        uid = find(c, folder, message_id)
        return must(c.uid("FETCH", uid, item), "FETCH")[0] if uid else None

    return other(work)


def flags(folder, message_id):
    """What another session sees, without \\Recent; None if it is not there."""
    data = fetch(folder, message_id, "(FLAGS)")
    return data and " ".join(sorted(set(re.search(rb"FLAGS \(([^)]*)\)", data)[1].decode().split()) - {"\\Recent"}))


def store(folder, m, change, names):
    def work(c):
        must(c.select(quote(encode_name(folder))), "SELECT")
        uid = must(c.uid("SEARCH", "HEADER", "Message-ID", quote(m["Message-ID"])), "SEARCH")[0].decode()
        must(c.uid("STORE", uid, change, names), "STORE")
        if "\\Deleted" in names:
            must(c.expunge(), "EXPUNGE")

    other(work)


def count(folder):
    return int(other(lambda c: must(c.select(quote(encode_name(folder)), readonly=True), "EXAMINE")[0]))


one, two, three, four, five = (letter(f"Thunderbird {i} – größer") for i in range(1, 6))


def first_start():
    other(lambda c: (must(c.create(quote(encode_name(FOLDER))), "CREATE"), must(c.subscribe(quote(encode_name(FOLDER))), "SUBSCRIBE")))
    names = other(lambda c: {n for n, _ in imap.folders(c)})
    for m in (one, two, three):
        append(FOLDER, m)
    tb.start()
    tb.login(IMAP[0])
    got = tb.js("""
        folder("INBOX").getNewMessages(window.msgWindow, null);
        await until("the whole tree", () => root.descendants.length >= arguments[0]);
        return root.descendants.map(f => f.QueryInterface(Ci.nsIMsgImapMailFolder).onlineName)""", len(names))
    missing = names - {encode_name(n) for n in got}
    t.check("the whole tree comes", not missing, missing)
    t.equal("special folders are known as such", tb.js("""
        const flag = Ci.nsMsgFolderFlags;
        return [flag.SentMail, flag.Drafts, flag.Trash, flag.Junk, flag.Archive].map(f => root.getFolderWithFlags(f)?.name)"""),
        ["Sent Items", "Drafts", "Deleted Items", "Junk Email", "Archive"])  # fmt: skip


def headers():
    n = count("INBOX")
    got = tb.js("""
        const f = folder("INBOX");
        await until("all headers", () => f.getTotalMessages(false) >= arguments[0]);
        return [...f.messages].map(h => [h.messageId, h.messageSize])""", n)
    t.equal("headers of the inbox", len(got), n)
    odd = [h for h in got if not h[0] or not h[1]]
    t.check("all have an id and a size", not odd, odd)
    got = tb.js("""
        const f = folder(arguments[0]);
        look(f);
        await until("three headers", () => f.getTotalMessages(false) == 3);
        return [...f.messages].map(h => [h.mime2DecodedSubject, h.mime2DecodedAuthor, flags(h)])""", FOLDER)
    t.equal("subjects beyond ASCII", got, [[m["Subject"], f"Demo User <{USER}>", ""] for m in (one, two, three)])


def text():
    """Opened in the window as by a click; the text is what the reader has before him."""
    got = tb.js("""
        const f = folder(arguments[0]), tabs = document.getElementById("tabmail");
        const pane = await until("the mail tab", () => tabs.currentAbout3Pane);
        pane.displayFolder(f.URI);
        await until("the list", () => pane.gDBView?.rowCount == 3);
        pane.selectMessage(find(f, arguments[1]));
        const shown = () => pane.messageBrowser.contentWindow.getMessagePaneBrowser().contentDocument?.querySelector(".moz-text-plain, .moz-text-flowed");
        return (await until("the text", () => shown()?.textContent.includes("Ende") && shown())).textContent""", FOLDER, key(one))
    t.equal("the text is shown", got.strip(), "Grüße\n.\n..\nEnde")
    becomes("and its message is read then", "\\Seen", flags, FOLDER, one["Message-ID"])
    want = fetch(FOLDER, two["Message-ID"], "(BODY.PEEK[])")[1].decode()
    got = re.sub(r"(?m)^X-Mozilla-.*\n", "", tb.source(FOLDER, key(two)).replace("\r\n", "\n"))
    t.equal("its source is the server's", got, want.replace("\r\n", "\n"))


def becomes(name, want, look, *args):
    """What Thunderbird does on the server it does a little later."""
    end = time.monotonic() + 30
    while (got := look(*args)) != want and time.monotonic() < end:
        time.sleep(0.2)
    t.equal(name, got, want)


def flags_both_ways():
    tb.js("""
        const f = folder(arguments[0]), h = find(f, arguments[1]);
        f.markMessagesFlagged([h], true);
        f.markMessagesRead([h], true);
        f.addKeywordsToMessages([h], "$label1")""", FOLDER, key(two))
    becomes("star, read and tag set here are there", "$label1 \\Flagged \\Seen", flags, FOLDER, two["Message-ID"])
    tb.js("""
        const f = folder(arguments[0]), h = find(f, arguments[1]);
        f.markMessagesFlagged([h], false);
        f.removeKeywordsFromMessages([h], "$label1")""", FOLDER, key(two))
    becomes("taken away here, they are gone there", "\\Seen", flags, FOLDER, two["Message-ID"])
    # The folder is open in the window, so Thunderbird waits in IDLE.
    store(FOLDER, three, "+FLAGS", r"(\Seen \Flagged \Answered)")
    t.equal("flags set there come by IDLE", tb.js("""
        const f = folder(arguments[0]);
        await until("the flags", () => flags(find(f, arguments[1])) == "read flagged replied");
        return flags(find(f, arguments[1]))""", FOLDER, key(three)), "read flagged replied")  # fmt: skip
    append(FOLDER, four)
    t.check("new mail comes by IDLE", tb.js("const f = folder(arguments[0]); return !!await until('it', () => find(f, arguments[1]))", FOLDER, key(four)))
    store(FOLDER, three, "+FLAGS", r"(\Deleted)")
    t.check("what is expunged there goes here", tb.js("const f = folder(arguments[0]); return await until('it', () => !find(f, arguments[1]))", FOLDER, key(three)))


def folders():
    tb.js("""
        const f = folder(arguments[0]);
        f.createSubfolder(arguments[1], window.msgWindow);
        await until("the folder", () => f.subFolders.some(s => s.name == arguments[1]))""", FOLDER, INNER)
    t.equal("a folder made here is there", count(FOLDER + "/" + INNER), 0)
    copy = """
        const f = folder(arguments[0]);
        await call(l => MailServices.copy.copyMessages(f, [find(f, arguments[1])], f.subFolders[0], arguments[2], l, window.msgWindow, true))"""
    tb.js(copy, FOLDER, key(one), False)
    becomes("a copy", "\\Seen", flags, FOLDER + "/" + INNER, one["Message-ID"])
    t.equal("leaves the first one", flags(FOLDER, one["Message-ID"]), "\\Seen")
    tb.js(copy, FOLDER, key(four), True)
    becomes("a move", "", flags, FOLDER + "/" + INNER, four["Message-ID"])
    becomes("leaves nothing", None, flags, FOLDER, four["Message-ID"])
    tb.js("const f = folder(arguments[0]); f.deleteMessages([find(f, arguments[1])], window.msgWindow, false, false, null, true)", FOLDER, key(two))
    becomes("deleted here, it is away there", None, flags, FOLDER, two["Message-ID"])
    becomes("and in Deleted Items", "\\Seen", flags, "Deleted Items", two["Message-ID"])
    tb.js("""
        const f = folder(arguments[0]).subFolders[0];
        f.rename("Renamed €", window.msgWindow);
        await until("the name", () => folder(arguments[0]).subFolders.some(s => s.name == "Renamed €"))""", FOLDER)
    becomes("a renamed folder keeps its mail", 2, count, FOLDER + "/Renamed €")


SEND = """
    const [mode, subject, id, html, attachment] = arguments, identity = account.defaultIdentity;
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
    Object.assign(fields, { from: identity.fullAddress, to: identity.email, subject, messageId: id, forcePlainText: !html, useMultipartAlternative: html });
    if (attachment) {
        const a = Cc["@mozilla.org/messengercompose/attachment;1"].createInstance(Ci.nsIMsgAttachment), file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
        file.initWithPath(attachment);
        a.url = Services.io.newFileURI(file).spec;
        a.name = "Größe.bin";
        fields.addAttachment(a);
    }
    const send = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
    return await new Promise((ok, no) => send.createAndSendMessage(null, identity, account.key, fields, false, false, Ci.nsIMsgSend[mode], null,
        html ? "text/html" : "text/plain", html ? "<p>Grüße, <b>größer</b></p>" : "Grüße\\n.\\nEnde\\n", null, null, {
            QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener", "nsIMsgCopyServiceListener"]),
            onStartSending() {}, onSendProgress() {}, onProgress() {}, onStatus() {}, onGetDraftFolderURI() {}, onTransportSecurityError() {}, onSendNotPerformed() { no(new Error("not sent")); },
            onStopSending(i, status, m) { if (status || mode != "nsMsgDeliverNow") status && no(new Error(`status 0x${status.toString(16)} ${m}`)); },
            onStartCopy() {}, setMessageKey() {}, getMessageId() { return null; },
            onStopCopy(status) { status ? no(new Error("copy: 0x" + status.toString(16))) : ok("copied"); },
        }, "", null, Ci.nsIMsgCompType.New).catch(no));
"""


def sending():
    sent = count("Sent Items")
    path = tb.file(random.randbytes(300_000))
    for i, (html, attachment) in enumerate(((False, ""), (True, path))):
        id = email.utils.make_msgid(domain="ci.example.com")
        t.equal(f"message {i} is sent and filed", tb.js(SEND, "nsMsgDeliverNow", f"Thunderbird sends {i} – größer", id, html, attachment), "copied")
        m = arrived(id)
        t.equal(f"message {i} arrives", m["Subject"], f"Thunderbird sends {i} – größer")
        t.check(f"message {i} has its text", "Grüße" in m.get_body(("plain",)).get_content(), m.as_string()[:1000])
        if attachment:
            t.equal("and its attachment", [a.get_content() for a in m.iter_attachments()], [open(path, "rb").read()])
        t.equal(f"message {i} is in Sent Items once", flags("Sent Items", id), "\\Seen")
        t.equal("with nothing beside it", count("Sent Items"), sent + i + 1)
    t.equal("Thunderbird has the copies too", tb.js("""
        const f = folder("Sent Items");
        look(f);
        return await until("them", () => f.getTotalMessages(false) == arguments[0] && f.getTotalMessages(false))""", sent + 2), sent + 2)  # fmt: skip
    tb.js('account.defaultIdentity.email = "someone@else.example"')
    t.raises("a foreign sender", RuntimeError, lambda: tb.js(SEND, "nsMsgDeliverNow", "no", "<no@ci.example.com>", False, ""))
    t.check("the user is told why", "may not send as" in (said := tb.runs.alert()), said)
    tb.js("account.defaultIdentity.email = arguments[0]", USER)
    t.equal("and files nothing", count("Sent Items"), sent + 2)


def drafts():
    drafts = count("Drafts")
    id = email.utils.make_msgid(domain="ci.example.com")
    t.equal("a draft is saved", tb.js(SEND, "nsMsgSaveAsDraft", "Thunderbird drafts – größer", id, True, ""), "copied")
    t.equal("it is in Drafts, as a draft", (count("Drafts"), flags("Drafts", id)), (drafts + 1, "\\Draft"))


def arrived(id):
    def work(c):
        uid = imap.wait(c, "INBOX", id, 60)
        return must(c.uid("FETCH", uid, "(BODY.PEEK[])"), "FETCH")[0][1]

    return email.message_from_bytes(other(work), policy=email.policy.default)


def comes_back():
    """Closed; others change, add and expunge; the next start asks for the differences alone."""
    filled = [letter(f"Thunderbird fills {i}") for i in range(20)]
    for m in filled:
        append(FOLDER, m)
    there = count(FOLDER)
    tb.js("""
        const f = folder(arguments[0]);
        look(f);
        await until("all", () => f.getTotalMessages(false) == arguments[1])""", FOLDER, there)
    tb.stop()
    store(FOLDER, one, "+FLAGS", r"(\Flagged)")
    store(FOLDER, filled[7], "+FLAGS", r"(\Deleted)")
    append(FOLDER, five)
    tb.start()
    t.equal("after all changes the folder is the server's", tb.js("""
        const f = folder(arguments[0]);
        look(f);
        await until("the new one", () => find(f, arguments[1]));
        await until("the flag", () => find(f, arguments[2]).isFlagged);
        await until("the expunge", () => !find(f, arguments[3]));
        return f.getTotalMessages(false)""", FOLDER, key(five), key(one), key(filled[7])), there)  # fmt: skip
    said = tb.said()
    t.check("it asked for changes since it was here", any(re.search(r"UID fetch 1:\* \(FLAGS\) \(CHANGEDSINCE [1-9]", s) for s in said), said)


def encrypted():
    """The same account on an instance that has a certificate: from the first octet for IMAP, by STARTTLS for SMTP."""
    tb.stop()
    news = letter("Thunderbird over TLS")
    append("INBOX", news)
    with tempfile.TemporaryDirectory() as dir:
        server = Serve(dir)
        server.start()
        try:
            tb.prefs |= {"mail.server.server1.hostname": "localhost", "mail.server.server1.port": server.imaps, "mail.server.server1.socketType": 3}
            tb.prefs |= {"mail.smtpserver.smtp1.hostname": "localhost", "mail.smtpserver.smtp1.port": server.smtp, "mail.smtpserver.smtp1.try_ssl": 2}
            tb.start()
            tb.login("localhost")
            tb.trust(os.path.join(dir, "ca.pem"))
            t.check("over TLS the new mail comes", tb.js("""
                const f = folder("INBOX");
                f.getNewMessages(window.msgWindow, null);
                return await until("it", () => find(f, arguments[0])) !== null""", key(news)))  # fmt: skip
            id = email.utils.make_msgid(domain="ci.example.com")
            t.equal("over STARTTLS it sends", tb.js(SEND, "nsMsgDeliverNow", "Thunderbird over TLS", id, False, ""), "copied")
            t.equal("which arrives", arrived(id)["Subject"], "Thunderbird over TLS")
            tb.stop()
        finally:
            server.end(signal.SIGINT)


def goes():
    tb.stop()
    for name in (FOLDER + "/Renamed €", FOLDER):
        other(lambda c: (must(c.delete(quote(encode_name(name))), "DELETE"), must(c.unsubscribe(quote(encode_name(name))), "UNSUBSCRIBE")))


tb = Thunderbird()
try:
    t.run(first_start, headers, text, flags_both_ways, folders, sending, drafts, comes_back, encrypted, goes)
finally:
    tb.close()
