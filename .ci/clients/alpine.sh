#!/usr/bin/env bash
# alpine at a terminal of its own: index, a message, flags, search, save elsewhere, expunge, new mail, write.
. "$(dirname "$0")/lib.sh"
folder=CI-alpine

imap create "$folder" && imap create "$folder/Filed"
for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "alpine $i") && imap append "$folder" "$work/letter$i"; done
new=$(letter "$work/new" "alpine 5")
server="{$IMAP_HOST:$IMAP_PORT/imap/notls/user=$MAIL_USER}"
cat >"$work/pinerc" <<EOF
user-domain=example.com
personal-name=Demo User
customized-hdrs=From: Demo User <$MAIL_USER>
inbox-path=${server}INBOX
folder-collections=Server $server[]
smtp-server=$SMTP_HOST:$SMTP_PORT/notls/user=$MAIL_USER
default-fcc=${server}Sent Items
last-version-used=9.99
mail-check-interval=15
feature-list=enable-flag-cmd,enable-aggregate-command-set,quit-without-confirm,expunge-without-confirm-everywhere,
	allow-changing-from,enable-jump-shortcut,disable-password-file-saving,no-enable-mouse-in-xterm
EOF
stop() {
	stop_terminal
	imap delete "$folder/Filed" >/dev/null 2>&1
	cleanup
}
trap stop EXIT

terminal "alpine -p '$work/pinerc' -f '$server$folder'"
check "it asks for the password" shows 'ENTER PASSWORD'
keys "$MAIL_PASSWORD" Enter
check "the folder opens" shows '4 Messages'
keys i
check "the index" shows 'alpine 4'
equal "has all of them" "$(screen | grep -c 'alpine [1-4]')" 4
keys 1 Enter
check "goes to one" shows 'Message 1 of 4'
keys Enter
check "shows it" shows 'Grüße aus der Prüfung'
keys '<'; shows 'MESSAGE INDEX' >/dev/null
keys '*'
check "asks for a flag" shows 'Flag New'
keys '*'
check "sets it" shows '^ *\* .*alpine 1'
matches "the flag is set" "$(imap flags "$folder" "${id[1]}")" 'Flagged.*Seen'
keys '\;'; shows 'SELECT criteria' >/dev/null
keys t; shows 'Select based on' >/dev/null
keys b; shows 'String in message' >/dev/null
keys 'größer als 7' Enter
check "finds text in the bodies" shows '^X.*alpine 4'
equal "in all of them" "$(screen | grep -c '^X.*alpine [1-4]')" 4
keys z
keys 2 Enter
shows 'Message 2 of 4' >/dev/null
keys s
check "asks where to save" shows 'SAVE Msg #2'
keys C-u
keys "$folder/Filed" Enter
check "saves" shows '^X +D +2 ' # what it says about it may be gone at once
check "it is there" imap wait "$folder/Filed" "${id[2]}"
imap body "$folder/Filed" "${id[2]}" >"$work/back"
equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter2")"
imap append "$folder" "$work/new"
keys C-l
check "new mail shows up" shows 'alpine 5'
keys x
check "expunges" shows 'Message 2 of 4'
check "it is no longer here" imap gone "$folder" "${id[2]}"
equal "the others stay" "$(imap count "$folder")" 4

subject="alpine writes $RANDOM"
keys c
check "composes" shows 'Message Text'
# Each field is left before the next is typed: To, Cc, Attchmnt, Subject, text.
keys "$MAIL_USER" Enter Enter
keys "$work/letter1" Enter
check "attaches a file" shows 'letter1 \(1'
keys "$subject" Enter "Grüße" C-x
check "asks whether to send" shows 'Send message\?'
keys y
check "asks for the password of SMTP" shows 'ENTER PASSWORD'
keys "$MAIL_PASSWORD" Enter
check "sends" shows 'MESSAGE INDEX'
equal "it arrives, and there is one copy in Sent Items" "$(folders_of "$subject")" 'INBOX,Sent Items'
keys l
check "lists the folders" shows 'Sent Items'
matches "with all letters" "$(screen)" 'Договоры.*日本支社'
keys q
check "quits" ended
finish
