#!/usr/bin/env bash
# neomutt on a terminal of its own, with QRESYNC and without: flag, save elsewhere, delete, write.
. "$(dirname "$0")/lib.sh"
folder=CI-neomutt # a space means something else in its prompts

cat >"$work/rc" <<EOF
set imap_user="$MAIL_USER"
set imap_pass="$MAIL_PASSWORD"
set imap_authenticators="plain"
set ssl_starttls=no ssl_force_tls=no
set folder="imap://$IMAP_HOST:$IMAP_PORT/"
set spoolfile="+INBOX"
set record="+$folder/Sent"
set from="$MAIL_USER" realname="Demo User" use_from=yes
set smtp_url="smtp://$MAIL_USER@$SMTP_HOST:$SMTP_PORT/" smtp_pass="$MAIL_PASSWORD" smtp_authenticators="plain"
set header_cache="$work/cache" message_cachedir="$work/cache"
set confirmappend=no confirmcreate=no delete=yes quit=yes move=no wait_key=no mail_check=1
set timeout=2 editor=true beep=no abort_unmodified=no abort_nosubject=no
EOF
mkdir "$work/cache"
# keys FOLDER KEYS: open the folder, press the keys, leave. $sync is how the program keeps up.
keys() {
	TERM=xterm HOME=$work timeout 240 script -qec \
		"neomutt -n -F '$work/rc' -e 'set $sync' -f '=$1' -e 'push \"$2\"'" /dev/null </dev/null >"$work/screen" 2>&1
}

imap create "$folder" && imap create "$folder/Filed" && imap create "$folder/Sent"
for sync in imap_condstore=no imap_qresync=yes; do
	for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "neomutt $i") && imap append "$folder" "$work/letter$i"; done
	check "flag one and leave ($sync)" keys "$folder" "<first-entry><search>neomutt 1<enter><flag-message><sync-mailbox><quit>"
	matches "the flag is set" "$(imap flags "$folder" "${id[1]}")" 'Flagged'
	check "read one" keys "$folder" "<first-entry><search>neomutt 3<enter><display-message><exit><sync-mailbox><quit>"
	matches "it is read now" "$(imap flags "$folder" "${id[3]}")" 'Seen'
	check "save one into another folder" keys "$folder" "<first-entry><search>neomutt 2<enter><save-message><kill-line>=$folder/Filed<enter><sync-mailbox><quit>"
	check "it is there" imap wait "$folder/Filed" "${id[2]}"
	check "and no longer here" imap gone "$folder" "${id[2]}"
	imap body "$folder/Filed" "${id[2]}" >"$work/back"
	equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter2")"
	new=$(letter "$work/letter5" "neomutt 5") && imap append "$folder" "$work/letter5"
	check "delete one that came since" keys "$folder" "<delete-pattern>~s neomutt.5<enter><sync-mailbox><quit>"
	check "it is gone" imap gone "$folder" "$new"
	equal "the others stay" "$(imap count "$folder")" 3
	check "delete the rest" keys "$folder" "<delete-pattern>~A<enter><sync-mailbox><quit>"
	equal "nothing is left" "$(imap count "$folder")" 0
	rm -rf "$work/cache" && mkdir "$work/cache"
done
subject="neomutt writes $RANDOM"
check "write a message" keys "$folder" "<mail>$MAIL_USER<enter>$subject<enter><send-message><quit>"
sent=$(imap tree | awk -F '\t' -v s="$subject" 'index($2, s) {print $1}' | sort | tr '\n' ' ')
for _ in $(seq 90); do
	case $sent in *INBOX*) break ;; esac
	sleep 1
	sent=$(imap tree | awk -F '\t' -v s="$subject" 'index($2, s) {print $1}' | sort | tr '\n' ' ')
done
matches "it arrives in the inbox" "$sent" 'INBOX'
matches "neomutt filed its own copy" "$sent" "$folder/Sent"
imap delete "$folder/Filed"
imap delete "$folder/Sent"
finish
