#!/usr/bin/env bash
# Programs that only send: git send-email with a series of patches, esmtp, bsd-mailx on top of it, GNU mailutils.
. "$(dirname "$0")/lib.sh"

# bsd-mailx wants a system that has a mailer, so it is unpacked, not installed.
(cd "$work" && apt-get download -q bsd-mailx >/dev/null 2>&1)
check "bsd-mailx unpacks" dpkg -x "$work"/bsd-mailx_*.deb "$work/bsd-mailx"
export HOME=$work
umask 077

# esmtp
printf '%s\n' "hostname = $SMTP_HOST:$SMTP_PORT" "username = \"$MAIL_USER\"" "password = \"$MAIL_PASSWORD\"" 'starttls = disabled' >"$work/esmtprc"
id=$(letter "$work/letter" "esmtp sends")
check "esmtp" sh -c 'tr -d "\r" <"$1/letter" | timeout 240 esmtp -C "$1/esmtprc" -f "$2" "$2"' sh "$work" "$MAIL_USER"
check "it arrives" imap wait INBOX "$id"
imap body INBOX "$id" >"$work/back"
equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter")"
id=$(letter "$work/letter" "esmtp reads the recipients") # from the header; one of them twice, one a blind copy
sed -i "s/^To: .*/To: Demo <$MAIL_USER>,\r\n $MAIL_USER\r\nBcc: hidden@example.com\r/" "$work/letter"
check "esmtp -t" sh -c 'tr -d "\r" <"$1/letter" | timeout 240 esmtp -C "$1/esmtprc" -f "$2" -t' sh "$work" "$MAIL_USER"
check "it arrives once" imap wait INBOX "$id"

# bsd-mailx, the mail(1) of cron jobs: no Date, no Message-ID, no From of its own.
subject="bsd-mailx $RANDOM$RANDOM"
printf '#!/bin/sh\nexec timeout 240 esmtp -C "%s" -f "%s" "$@"\n' "$work/esmtprc" "$MAIL_USER" >"$work/sendmail" && chmod 700 "$work/sendmail"
echo "set sendmail=$work/sendmail sendwait" >"$work/mailrc"
check "bsd-mailx" sh -c 'printf "%s\n" "Disk almost full" . .. "the end" | MAILRC="$1/mailrc" "$1/bsd-mailx/usr/bin/bsd-mailx" -s "$2" -a "From: Demo <$3>" "$3"' sh "$work" "$subject" "$MAIL_USER"
got=$(python3 - "$clients" "$subject" <<'EOF'
import sys, time
sys.path.insert(0, sys.argv[1])
from imap import connect, must, quote
conn = connect()
for _ in range(60):
    must(conn.select("INBOX", readonly=True), "EXAMINE")
    uids = must(conn.uid("SEARCH", "SUBJECT", quote(sys.argv[2])), "SEARCH")[0].split()
    if uids:
        break
    time.sleep(0.5)
print(len(uids))
for uid in uids:
    print(must(conn.uid("FETCH", uid, "(BODY.PEEK[])"), "FETCH")[0][1].decode().replace("\r", ""))
EOF
)
equal "it arrives once" "$(head -n 1 <<<"$got")" 1
matches "with a Message-ID" "$got" '^Message-I[Dd]: <.+@.+>$'
matches "and a date" "$got" '^Date: .+ [+-][0-9]{4}'
equal "its text is unchanged" "$(sed '1,/^$/d' <<<"$got" | tail -n 4 | tr '\n' '|')" 'Disk almost full|.|..|the end|'

# git send-email: a cover letter and three patches, in one thread.
git init -q "$work/repo" && cd "$work/repo" || exit 1
git config user.name 'Demo Übel' && git config user.email "$MAIL_USER"
for i in 1 2 3; do
	printf 'From the beginning, größer %d\n.\n' "$i" >>file
	git add file && git commit -qm "$(printf 'change %d: größer\n\nWith a text of its own.\n' "$i")"
done
cat >>.git/config <<EOF
[sendemail]
	smtpServer = $SMTP_HOST
	smtpServerPort = $SMTP_PORT
	smtpUser = $MAIL_USER
	smtpPass = $MAIL_PASSWORD
	from = Demo Übel <$MAIL_USER>
	confirm = never
EOF
check "git format-patch" git format-patch -q --root --cover-letter --thread -o "$work/patches"
sed -i 's/\*\*\* SUBJECT HERE \*\*\*/A series/; s/\*\*\* BLURB HERE \*\*\*/What it is about./' "$work"/patches/0000-*
check "git send-email" timeout 240 git send-email --quiet --to "$MAIL_USER" --cc hidden@example.com "$work/patches"
for p in "$work"/patches/*; do
	id=$(sed -n 's/^Message-I[Dd]: *//p' "$p" | head -n 1)
	check "$(basename "$p" | cut -c 1-4) arrives" imap wait INBOX "$id"
	imap body INBOX "$id" >"$work/mail"
	equal "$(basename "$p" | cut -c 1-4) is unchanged" "$(body "$work/mail")" "$(body "$p")"
done
git init -q "$work/other" && cd "$work/other" && git config user.name x && git config user.email x@x.example
check "git am takes a patch as it came" git am -q "$(imap body INBOX "$(sed -n 's/^Message-I[Dd]: *//p' "$work"/patches/0001-* | head -n 1)" | tr -d '\r' >"$work/patch"; echo "$work/patch")"
cd "$work/repo" || exit 1
check "git send-email with a wrong password fails" sh -c '! timeout 240 git -c sendemail.smtpPass=wrong send-email --quiet --to "$1" "$2"/patches/0001-*' sh "$MAIL_USER" "$work"
check "git send-email from a foreign address fails" sh -c '! timeout 240 git send-email --quiet --envelope-sender someone@else.example --to "$1" "$2"/patches/0001-*' sh "$MAIL_USER" "$work"
cd "$work" || exit 1

# GNU mailutils speaks SMTP itself.
id=$(letter "$work/letter" "mailutils sends")
check "mailutils" sh -c 'tr -d "\r" <"$1/letter" | sed "1,/^\$/d" | timeout 240 mail.mailutils -E "set sendmail=smtp://$2:$3@$4:$5" -s "mailutils sends" -a "Message-ID: $6" -r "$7" "$7"' sh "$work" \
	"${MAIL_USER/@/%40}" "$MAIL_PASSWORD" "$SMTP_HOST" "$SMTP_PORT" "$id" "$MAIL_USER"
check "it arrives" imap wait INBOX "$id"
imap body INBOX "$id" >"$work/back"
equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter")"
finish
