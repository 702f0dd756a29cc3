#!/usr/bin/env bash
# msmtp: send as sendmail would, with recipients from the header and from the command line.
. "$(dirname "$0")/lib.sh"

cat >"$work/rc" <<EOF
account demo
host $SMTP_HOST
port $SMTP_PORT
tls off
auth plain
user $MAIL_USER
password $MAIL_PASSWORD
from $MAIL_USER
account login : demo
auth login
account wrong : demo
password wrong
account foreign : demo
from someone@else.example
EOF
chmod 600 "$work/rc"
send() { local input=$1; shift; timeout 240 msmtp -C "$work/rc" "$@" <"$input"; }

for account in demo login; do
	id=$(letter "$work/letter" "msmtp with account $account")
	tr -d '\r' <"$work/letter" >"$work/unix" # msmtp is fed by programs that know no CR
	check "send ($account)" send "$work/unix" -a "$account" "$MAIL_USER"
	check "it arrives ($account)" imap wait INBOX "$id"
	imap body INBOX "$id" >"$work/back"
	equal "its text is unchanged ($account)" "$(body "$work/back")" "$(body "$work/letter")"
done
id=$(letter "$work/letter" "msmtp reads the recipients")
sed -i "s/^To: .*/To: $MAIL_USER\r/" "$work/letter"
check "recipients from the header" send "$work/letter" -a demo -t
check "it arrives" imap wait INBOX "$id"
id=$(letter "$work/letter" "msmtp envelope only")
sed -i "s/^To: .*/To: undisclosed-recipients:;\r/" "$work/letter"
check "a recipient of the envelope alone" send "$work/letter" -a demo "$MAIL_USER"
check "it arrives too" imap wait INBOX "$id"
lacks "and does not name the recipient" "$(imap body INBOX "$id" | sed '/^\r$/q')" "^(To|Cc):.*$MAIL_USER"
refused "wrong password" 77 send "$work/letter" -a wrong "$MAIL_USER"
check "a sender that is not ours" sh -c '! msmtp -C "$1/rc" -a foreign "$2" <"$1/letter"' sh "$work" "$MAIL_USER"
finish
