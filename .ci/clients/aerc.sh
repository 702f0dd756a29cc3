#!/usr/bin/env bash
# aerc at a terminal of its own, driven by its command line: flag, read, search, filter, move, copy, delete, new mail, write.
. "$(dirname "$0")/lib.sh"
folder=CI-aerc

imap create "$folder" && imap create "$folder/Filed"
for i in 1 2 3 4 5; do id[i]=$(letter "$work/letter$i" "aerc $i") && imap append "$folder" "$work/letter$i"; done
new=$(letter "$work/new" "aerc 6")
mkdir -p "$work/.config/aerc"
user=${MAIL_USER/@/%40}
(umask 077; cat >"$work/.config/aerc/accounts.conf" <<EOF
[Demo]
source = imap+insecure://$user:$MAIL_PASSWORD@$IMAP_HOST:$IMAP_PORT
outgoing = smtp+plain://$user:$MAIL_PASSWORD@$SMTP_HOST:$SMTP_PORT
default = $folder
folders = INBOX,$folder,$folder/Filed,Sent Items
copy-to = Sent Items
from = Demo User <$MAIL_USER>
smtp-starttls = no
cache-headers = true
check-mail = 2s
EOF
)
stop() {
	stop_terminal
	imap delete "$folder/Filed" >/dev/null 2>&1
	cleanup
}
trap stop EXIT
# run COMMAND: what a user types after the colon.
run() {
	keys -l ":$1"
	keys Enter
}

terminal aerc
check "the index" shows 'aerc 5'
rows() { # N: waits until so many of the letters are listed
	for _ in $(seq 600); do [ "$(screen | grep -c 'aerc [1-5]')" -ne "$1" ] || return 0; sleep 0.2; done
	screen | grep .
	return 1
}
check "has all of them" rows 5
matches "counts the folders" "$(screen)" "^ *$folder +5/5/5"
run "select 4"
run flag
check "flags one" shows '! aerc 1'
matches "the flag is set" "$(imap flags "$folder" "${id[1]}")" 'Flagged'
run view
check "shows it" shows 'Grüße aus der Prüfung'
run close
check "it counts as read" shows "^ *$folder +5/4/5"
run "filter aerc 3"
check "filters by subject" shows '\| filter aerc 3'
equal "only the one is left" "$(screen | grep -o 'N aerc [1-5]$')" "N aerc 3"
run "filter -b fehlt"
check "filters by text" shows 'no messages'
run clear
check "and shows all again" shows 'aerc 5'
run "search aerc 2"
check "searches" shows '\| search aerc 2'
run "move $folder/Filed"
check "moves it" shows 'Messages moved'
check "it is there" imap wait "$folder/Filed" "${id[2]}"
check "and no longer here" imap gone "$folder" "${id[2]}"
imap body "$folder/Filed" "${id[2]}" >"$work/back"
equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter2")"
imap append "$folder" "$work/new"
check "new mail shows up" shows 'aerc 6'
run "select 0"
run "copy $folder/Filed"
check "copies it" shows 'Messages copied'
check "the copy is there" imap wait "$folder/Filed" "$new"
run delete
check "deletes it" shows 'Messages deleted'
check "it is no longer here" imap gone "$folder" "$new"
equal "the others stay" "$(imap count "$folder")" 4
run "cf INBOX"

subject="aerc writes $RANDOM"
run "compose -H 'To: $MAIL_USER' -H 'Subject: $subject'"
check "composes" shows 'Send this email'
run "attach $work/letter1"
check "attaches a file" shows 'Attached'
run send
equal "it arrives, and there is one copy in Sent Items" "$(folders_of "$subject")" 'INBOX,Sent Items'
check "it shows up" shows "$subject"
run "select 0"
run view
check "with its attachment" shows 'text/plain.*letter1'
run next-part
check "whose text it shows" shows 'Subject: aerc 1'
run close
run quit
check "quits" ended
finish
