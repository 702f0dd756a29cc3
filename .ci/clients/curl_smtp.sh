#!/usr/bin/env bash
# curl: send with each mechanism, and be refused.
. "$(dirname "$0")/lib.sh"

server="smtp://$SMTP_HOST:$SMTP_PORT"
send() { curl -sS --max-time 60 "$server" --mail-rcpt "$MAIL_USER" "$@"; }

for mechanism in PLAIN LOGIN; do
	id=$(letter "$work/letter" "curl sends with $mechanism")
	check "send with AUTH $mechanism" send -u "$MAIL_USER:$MAIL_PASSWORD" --login-options "AUTH=$mechanism" --mail-from "$MAIL_USER" -T "$work/letter"
	check "it arrives ($mechanism)" imap wait INBOX "$id"
	imap body INBOX "$id" >"$work/back"
	equal "its text is unchanged ($mechanism)" "$(body "$work/back")" "$(body "$work/letter")"
done
letter "$work/letter" "never sent" >/dev/null
refused "wrong password" 67 send -u "$MAIL_USER:wrong" --mail-from "$MAIL_USER" -T "$work/letter"
refused "no password at all" 55 send --mail-from "$MAIL_USER" -T "$work/letter"
refused "a sender that is not ours" 55 send -u "$MAIL_USER:$MAIL_PASSWORD" --mail-from someone@else.example -T "$work/letter"
finish
