"""The messages and the commands of dovecot_compare.py."""

FOLDER = "CI compare"


def mail(head, body="", flags="", date="01-Feb-2026 10:00:00 +0000"):
    text = head.strip("\n") + "\n\n" + body
    return text.replace("\n", "\r\n").encode(), flags, date


MULTIPART = """preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=us-ascii; format=flowed
Content-Transfer-Encoding: quoted-printable

plain=20alternative =3D
--inner
Content-Type: text/html; charset=utf-8
Content-ID: <html@example.com>
Content-Description: the html

<p>html</p>
--inner--

--outer
Content-Type: message/rfc822
Content-Disposition: attachment; filename="fwd.eml"

From: Inner <inner@example.com>
To: x@example.com
Subject: inner message
Date: Sun, 1 Feb 2026 01:02:03 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=deep

--deep
Content-Type: text/plain; charset=utf-8

deep text
--deep
Content-Type: application/octet-stream; name=a.bin
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=a.bin; size=3
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Language: en, de
Content-Location: http://example.com/a.bin

AAEC
--deep--

--outer
Content-Type: image/png; name="=?utf-8?Q?B=C3=BCro.png?="
Content-Transfer-Encoding: base64
Content-Disposition: inline; filename*=utf-8''B%C3%BCro.png

iVBORw0KGgo=
--outer--
epilogue
"""
DIGEST = """--dig

From: d1@example.com
Subject: digest one

body one
--dig
Content-Type: message/rfc822

From: d2@example.com
Subject: digest two
Content-Type: text/html; charset=utf-8

<i>body two</i>
--dig--
"""
REPORT = """--rep

status text
--rep
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; x@example.com
--rep--
"""
MIME = "MIME-Version: 1.0\nContent-Type: "
MAILS = [
    mail("From: Anna <anna@example.com>\nTo: bob@example.com\nSubject: plain one\nDate: Mon, 02 Feb 2026 10:11:12 +0100\nMessage-ID: <a1@example.com>", "hello world\nsecond line\n", r"\Seen"),
    mail(
        "From: =?UTF-8?Q?J=C3=B6rg_M=C3=BCller?= <joerg@example.com>\nTo: Bob <bob@example.com>, \"Carol, D.\" <carol@example.com>\nCc: dave@example.org\nSubject: =?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=\n"
        f"Date: Tue, 03 Feb 2026 23:59:59 -0800\nMessage-ID: <a2@example.com>\nIn-Reply-To: <a1@example.com>\nReferences: <a1@example.com>\n{MIME}text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit",
        "Grüße, größer\n.\nEnde\n", r"\Flagged"),
    mail(
        "From: Erin <erin@example.com>\nSender: Sec <sec@example.com>\nReply-To: other@example.com\nTo: undisclosed-recipients:;\nSubject: Re: plain one\nDate: Wed, 4 Feb 2026 00:00:01 +0000 (UTC)\nMessage-ID: <a3@example.com>\n"
        f'In-Reply-To: <a2@example.com>\nReferences: <a1@example.com> <a2@example.com>\n{MIME}multipart/mixed; boundary="outer"', MULTIPART, r"\Answered \Seen", "05-Feb-2026 06:07:08 +0100"),
    mail("Subject: no from at all\nDate: Thu, 5 Feb 2026 12:00:00 +0000", "x\n", "", "31-Dec-2025 23:30:00 -0500"),
    mail('From: a@example.com (Comment Name)\nTo: "quoted \\"q\\" name" <c@example.com>, Group: d@example.com, E <e@example.com>;, f@example.com\nSubject: addresses\nBcc: secret@example.com\nDate: Fri, 06 Feb 2026 08:00:00 EST\nMessage-ID: <a5@example.com>',
         "addresses\n", r"\Seen $Important", "06-Feb-2026 13:00:00 +0000"),
    mail("from: lower@example.com\nTO: upper@example.com\nsubject: a folded\n subject line\nX-Multi: one\nX-Multi: two\nX-Empty:\nX-Long: a\n\tb\nMessage-ID: <a6@example.com>\nDate: 7 Feb 2026 08:00:00 +0000\n"
         f'{MIME}text/plain; charset="iso-8859-1"\nContent-Transfer-Encoding: quoted-printable', "caf=E9 soft=\nbreak\n", "", "07-Feb-2026 08:00:00 +0000"),
    mail(f"From: z@example.com\nSubject: Fwd: plain one\nDate: Sat, 07 Feb 2026 09:00:00 +0000\nMessage-ID: <a7@example.com>\n{MIME}text/html; charset=utf-8", "<b>bold body text</b>\n", r"\Deleted", "08-Feb-2026 08:00:00 +0000"),
    mail("From: List <list@example.com>\nSubject: [list] Re: [list] plain one (fwd)\nDate: Sun, 08 Feb 2026 09:00:00 +0000\nMessage-ID: <a8@example.com>\nReferences: <missing@example.com>", "text\n", r"\Seen custom-Keyword", "09-Feb-2026 08:00:00 +0000"),
    mail("From: e@example.com\nSubject:\nDate: garbage\nMessage-ID: a9\nIn-Reply-To:", "", "", "10-Feb-2026 08:00:00 +0000"),
    mail(f'From: report@example.com\nTo: bob@example.com\nSubject: report\nDate: Tue, 10 Feb 2026 08:00:00 +0000\n{MIME}multipart/report; report-type=delivery-status;\n boundary="rep"', REPORT, r"\Seen", "11-Feb-2026 08:00:00 +0000"),
    mail(f'From: "Ends, With" <ends@example.com>\nTo: bob@example.com\nSubject: nested digest\nDate: Wed, 11 Feb 2026 08:00:00 +0000\nMessage-ID: <a11@example.com>\n{MIME}multipart/digest; boundary=dig', DIGEST, "", "12-Feb-2026 08:00:00 +0000"),
    mail("From: big@example.com\nTo: bob@example.com\nSubject: bigger plain\nDate: Thu, 12 Feb 2026 08:00:00 +0000\nMessage-ID: <a12@example.com>\nIn-Reply-To: <a3@example.com>", "0123456789 line of a bigger message\n" * 400, r"\Seen \Flagged", "13-Feb-2026 08:00:00 +0000"),
    mail("From: =?utf-8?q?one?= =?utf-8?q?two?= <q@example.com>\nTo: =?iso-8859-1?Q?Andr=E9?= =?iso-8859-1?Q?_Two?= <andre@example.com>\nSubject: =?utf-8?q?one?= =?utf-8?q?two?= plain =?bogus\nDate: Fri, 13 Feb 2026 08:00:00 +0000\nMessage-ID: <a13@example.com>", "charset test\n", "", "14-Feb-2026 08:00:00 +0000"),
    mail('From: last@[192.0.2.1]\nTo: no-domain, <@r1.example,@r2.example:routed@example.com>, "spaces in local"@example.com\nSubject: odd addresses\nDate: Sat, 14 Feb 2026 08:00:00 +0000\nMessage-ID: <a14@example.com>', "odd\n", "", "15-Feb-2026 08:00:00 +0000"),
]


def lines(block):
    return [line.strip() for line in block.strip("\n").split("\n")]


def split(block):
    return " ".join(lines(block)).split(" | ")


SEARCHES = split(r"""
ALL | ANSWERED | DELETED | DRAFT | FLAGGED | NEW | OLD | SEEN | UNANSWERED | UNDELETED | UNDRAFT | UNFLAGGED | UNSEEN |
1 | 1:3 | 3:1 | * | *:1 | 1:* | *:* | 50:* | *:50 | 1,3,5:7,2 | 14:* | UID 1 | UID 3:1 | UID * | UID 50:* | UID *:50 | UID 50 |
BCC secret | BCC "" | CC dave | TO bob | TO "" | TO carol | TO Group | TO "no-domain" | FROM anna | FROM "" | FROM "Anna <anna" |
SUBJECT plain | SUBJECT "Re:" | SUBJECT "PLAIN ONE" | SUBJECT "lain on" | SUBJECT onetwo | SUBJECT "folded subject" | SUBJECT NIL |
BODY hello | BODY bold | BODY "deep text" | BODY "boundary=deep" | BODY "Reporting-MTA" | BODY softbreak | BODY "second line" | BODY nil |
TEXT hello | TEXT "anna@example.com" | TEXT "" | TEXT "digest two" | TEXT a.bin | TEXT "X-Multi" |
BEFORE 2-Feb-2026 | ON 1-Feb-2026 | ON 01-feb-2026 | ON "1-Feb-2026" | SINCE 5-Feb-2026 | ON 5-Feb-2026 | ON 31-Dec-2025 | ON 1-Jan-2026 |
SENTBEFORE 3-Feb-2026 | SENTON 3-Feb-2026 | SENTON 6-Feb-2026 | SENTSINCE 4-Feb-2026 | SENTSINCE 1-Jan-2000 | SENTBEFORE 1-Jan-2030 | SENTON 1-Jan-1970 |
LARGER 300 | SMALLER 300 | LARGER 0 | SMALLER 0 | LARGER 4294967295 | SMALLER 4294967295 |
KEYWORD $Important | KEYWORD custom-keyword | UNKEYWORD $Important | KEYWORD nothere | UNKEYWORD nothere |
HEADER Subject plain | HEADER X-Multi "" | HEADER X-Multi two | HEADER X-Empty "" | HEADER X-None "" | HEADER X-Long "a b" | HEADER Message-ID a3 |
HEADER references a1@example | HEADER To group | HEADER To "Group:" | HEADER From "Comment Name" | HEADER Date "" | HEADER In-Reply-To "" |
NOT SEEN | NOT NOT SEEN | NOT 1:3 | NOT (SEEN FLAGGED) | OR SEEN FLAGGED | OR (SEEN FLAGGED) ANSWERED | OR OR 1 2 3 | OR 1 OR 2 3 | OR NOT SEEN NOT FLAGGED |
(1:3 SEEN) | ((1)) | (1) (1) | 1:5 3:7 | SUBJECT plain FROM anna | OR SUBJECT plain BODY hello | NOT SUBJECT plain | NOT BODY hello | UID 1:3,5 NOT UID 2 |
YOUNGER 1 | OLDER 1 | CHARSET UTF-8 ALL | CHARSET US-ASCII SUBJECT plain""") + ['SUBJECT "folded\tsubject"']
WRONG_SEARCHES = split(r"""
FOO | 1: | :1 | 0 | 1, | ,1 | 1:0 | 0:* | -1 | 4294967296 | SUBJECT | HEADER Subject | OR SEEN | NOT | (SEEN | SEEN) | () | BEFORE 32-Jan-2026 |
BEFORE 30-Feb-2026 | BEFORE 1-Foo-2026 | BEFORE 2026 | LARGER -1 | LARGER abc | LARGER 99999999999 | KEYWORD | UID a | UID 0 | CHARSET | CHARSET UTF-8 |
ALL CHARSET UTF-8 | ALLSEEN | RETURN | RETURN (FOO) ALL | RETURN (MIN | YOUNGER | YOUNGER a | MODSEQ | MODSEQ a | OLDER -1 | HEADER a b c | SUBJECT (a)""")
RETURNS = split(r"""
SEARCH RETURN () ALL | SEARCH RETURN (ALL MIN MAX COUNT) 1:3 | SEARCH RETURN (MIN MIN) ALL | SEARCH RETURN (COUNT) 99 | SEARCH RETURN (ALL) KEYWORD nothere |
SEARCH RETURN (MIN MAX) KEYWORD nothere | UID SEARCH RETURN (ALL) UNSEEN | SEARCH RETURN (SAVE) 1:3 | SEARCH $ | SEARCH 1 $ | SEARCH NOT $ | FETCH $ FLAGS | UID SEARCH UID $ |
SEARCH RETURN (SAVE COUNT) 2:4 | SEARCH $ | SEARCH RETURN (MIN MAX) CHARSET UTF-8 ALL | SORT RETURN (MIN COUNT) (SUBJECT) UTF-8 ALL | SORT RETURN (ALL) (SIZE) UTF-8 1:4""")
SECTIONS = ["1", "2", "3", "4", "1.1", "1.2", "2.1", "2.2", "1.MIME", "2.MIME", "2.HEADER", "2.TEXT", "1.HEADER", "2.2.MIME", "1.2.MIME", "2.1.HEADER", "2.HEADER.FIELDS (SUBJECT FROM)",
            "2.HEADER.FIELDS.NOT (SUBJECT FROM)", "HEADER", "TEXT", "", "HEADER.FIELDS (subject X-MULTI x-empty nothere)", "HEADER.FIELDS.NOT (DATE FROM TO)", 'HEADER.FIELDS ("To")', "9", "0.1", "3.MIME"]
FETCHES = split(r"""
FETCH | FETCH 1 | FETCH 1 FOO | FETCH 1 (FLAGS | FETCH 1 FLAGS) | FETCH 1 FLAGS UID | FETCH 1 (ALL) | FETCH 1 (FLAGS ALL) | FETCH 0 FLAGS | FETCH a FLAGS | FETCH 99 FLAGS |
FETCH 99:* FLAGS | FETCH 10:99 FLAGS | FETCH *:10 (UID) | UID FETCH 99 FLAGS | UID FETCH 99:* FLAGS | UID FETCH 10:99 (UID FLAGS) | UID FETCH 0 FLAGS | UID FETCH | UID | UID FOO | UID NOOP |
FETCH 1 BODY[ | FETCH 1 BODY[FOO] | FETCH 1 BODY[1.] | FETCH 1 BODY[.1] | FETCH 1 BODY[MIME] | FETCH 1 BODY[HEADER.FIELDS] | FETCH 1 BODY[HEADER.FIELDS (A] | FETCH 1 BODY[]< |
FETCH 1 BODY[]<1> | FETCH 1 BODY[]<1.> | FETCH 1 BODY[]<a.b> | FETCH 1 BODY.PEEK | FETCH 1 BODYSTRUCTURE.PEEK | FETCH 1 INTERNALDATE.X | fetch 1 flags | FETCH 1 (FLAGS FLAGS) |
FETCH 1,2,3,2,1 UID | FETCH 3:1 UID | FETCH 4294967296 UID | FETCH -1 UID | FETCH "1" UID | FETCH 1 (MODSEQ) | FETCH 1 FLAGS (CHANGEDSINCE 1) | FETCH 1:* FLAGS (CHANGEDSINCE 0) |
FETCH 1:* FLAGS (CHANGEDSINCE 99999) | FETCH 1 FLAGS (CHANGEDSINCE) | FETCH 1 FLAGS (CHANGEDSINCE a) | FETCH 1 FLAGS (FOO 1) | FETCH 1 FLAGS (VANISHED) | UID FETCH 1 FLAGS (VANISHED)""")
STORES = split(r"""
STORE 1 FLAGS (\Seen) | STORE 1 FLAGS \Seen \Flagged | STORE 1 +FLAGS (\Deleted kw1) | STORE 1 -FLAGS kw1 | STORE 1:3 +FLAGS.SILENT (\Answered) | FETCH 1:3 FLAGS | STORE 1:3 FLAGS.SILENT () |
STORE 1 +flags (\SEEN) | STORE 1 FLAGS (\*) | STORE 1 FLAGS | STORE 1 | STORE | STORE 1 FOO (\Seen) | STORE 1 FLAGS (a b c) | FETCH 1:3 FLAGS | STORE 1 FLAGS (\Seen | STORE 99 FLAGS () |
UID STORE 99 FLAGS () | STORE *:13 +FLAGS (z) | STORE 1 -FLAGS () | STORE 1 +FLAGS (KW1 kw1 Kw1) | FETCH 1:* FLAGS | STORE 1 (UNCHANGEDSINCE 99999) +FLAGS (y) | STORE 1 (UNCHANGEDSINCE a) FLAGS (x) |
STORE 1 () FLAGS (x) | STORE 1 (FOO 1) FLAGS (x) | STORE 1 FLAGS () | STORE 1:3 (UNCHANGEDSINCE 1) +FLAGS (x) | FETCH 1:3 FLAGS | STORE 1 +FLAGS ($Forwarded $Junk) | FETCH 1 FLAGS |
STORE 1 -FLAGS ($Forwarded) | FETCH 1 FLAGS | STORE 1:* FLAGS () | FETCH 1:* FLAGS | STORE 1 FLAGS (\Recent) | STORE 1 FLAGS (\Foo) | FETCH 1 FLAGS""")
MOVES = split(r"""
CREATE "%(f)s/Copies" | COPY 1:3 "%(f)s/Copies" | STATUS "%(f)s/Copies" (MESSAGES UIDNEXT UNSEEN) | COPY 1 nowhere | COPY 99 "%(f)s/Copies" | UID COPY 99 "%(f)s/Copies" | UID COPY 3:1,2 "%(f)s/Copies" |
COPY 1 | COPY | COPY 1 "" | COPY 2:1 "%(f)s" | MOVE 14 "%(f)s/Copies" | UID MOVE 99 "%(f)s/Copies" | MOVE 1 nowhere | MOVE 99 "%(f)s/Copies" | MOVE 1 "%(f)s" | FETCH 1:* (UID FLAGS) |
STORE 2,4 +FLAGS (\Deleted) | UID EXPUNGE 1 | UID EXPUNGE 3:5 | EXPUNGE | FETCH 1:* UID | UID EXPUNGE | UID EXPUNGE a | CLOSE | NOOP | FETCH 1 FLAGS | EXPUNGE | SEARCH ALL |
EXAMINE "%(f)s" | STORE 1 FLAGS (x) # read-only | EXPUNGE # read-only | COPY 1 "%(f)s/Copies" | UNSELECT | UNSELECT | SELECT "%(f)s/Copies" | FETCH 1:* (UID INTERNALDATE RFC822.SIZE) |
SELECT nowhere | FETCH 1 FLAGS | SELECT | SELECT "" | SELECT "%(f)s" (FOO) | CHECK | CLOSE | CHECK | NOOP extra | LOGIN a b | AUTHENTICATE PLAIN | ENABLE | NONSENSE""" % {"f": FOLDER})
NAMES = split(r"""
CREATE "%(f)s/a" | CREATE "%(f)s/a/b" | CREATE "%(f)s/c/" | CREATE "%(f)s/a/b/d" | CREATE "%(f)s/&APw-mlaut" | CREATE "%(f)s/am&-amp" | CREATE "%(f)s/q\"q" | CREATE "" | CREATE INBOX | CREATE inbox | CREATE "%(f)s/a/b" |
CREATE "%(f)s//x" | CREATE "%(f)s/." | CREATE | LIST "" "" | LIST "" "%(f)s" | LIST "" "%(f)s/a/%%" | LIST "" "%(f)s/a*" | LIST "" "%(f)s/%%/%%" | LIST "" "%(f)s/a%%" | LIST "%(f)s/" a%% |
LIST "%(f)s/a" /%% | LIST "" "%(f)s/*b" | LIST "" "%(f)s/%%b" | LIST "" "%(f)s*/d" | LIST "" "%(f)s/a/" | LIST "" inbox | LIST "" InBoX | LIST "" "inbo%%" | LIST "" NIL | LIST NIL "%(f)s/a" | LIST | LIST "" |
LIST "" () | LIST "" ("%(f)s/a" "%(f)s/a/%%") | LIST (FOO) "" x | LIST (RECURSIVEMATCH) "" x | LIST "" x RETURN (FOO) | LIST "" x RETURN | LIST "" "%(f)s/a" RETURN (STATUS (MESSAGES)) |
SUBSCRIBE "%(f)s/a/b" | SUBSCRIBE nowhere | UNSUBSCRIBE nowhere | UNSUBSCRIBE "%(f)s/a" | UNSUBSCRIBE "%(f)s" | LSUB "" "%(f)s/a/%%" | LSUB "" "%(f)s/a" | UNSUBSCRIBE "%(f)s/a/b" | LSUB "" "%(f)s/a/b" |
RENAME "%(f)s/a" "%(f)s/e" | LIST "" "%(f)s/e*" | RENAME nowhere x | RENAME "%(f)s/e" "%(f)s/am&-amp" | RENAME "%(f)s/e" "%(f)s/e" | RENAME "%(f)s/e" "%(f)s/e/x" | RENAME "%(f)s/e" "%(f)s/a" | RENAME x |
RENAME "%(f)s/a" INBOX | DELETE "%(f)s/a" | DELETE nowhere | DELETE INBOX | DELETE "" | STATUS "%(f)s" () | STATUS "%(f)s" | STATUS nowhere (MESSAGES) | STATUS "%(f)s" (FOO) |
APPEND "%(f)s" | APPEND "%(f)s" foo""" % {"f": FOLDER})
