#!/usr/bin/env bash
# offlineimap3: a tree of folders into Maildirs and changes back.
. "$(dirname "$0")/lib.sh"

cat >"$work/rc" <<EOF
[general]
accounts = bridge
metadata = $work/state
maxsyncaccounts = 1
ui = quiet

[Account bridge]
localrepository = local
remoterepository = remote

[Repository local]
type = Maildir
localfolders = $work/mail
sep = /

[Repository remote]
type = IMAP
remotehost = $IMAP_HOST
remoteport = $IMAP_PORT
remoteuser = $MAIL_USER
remotepass = $MAIL_PASSWORD
ssl = no
starttls = no
auth_mechanisms = PLAIN
maxconnections = 2
folderfilter = lambda name: name.startswith('$folder') or name in ('INBOX', 'Drafts') or name.startswith('Projects')
EOF
sync() { timeout 600 offlineimap -c "$work/rc" -o; }
remote() { imap tree | grep -E "^($folder|INBOX|Drafts|Projects)[^	]*	" | grep -v "^INBOX/" >"$work/far"; }
same() { remote && imap maildir "$work/mail" >"$work/near" && diff "$work/far" "$work/near"; }
message_of() { grep -li "^message-id: *$1" -r "$work/mail" | head -n 1; }

imap create "$folder" && imap create "$folder/Inner"
for i in 1 2 3; do id[i]=$(letter "$work/letter" "offlineimap $i") && imap append "$folder" "$work/letter"; done

check "pull" sync
check "both sides are equal" same

file=$(message_of "${id[1]}")
mv "$file" "$(dirname "$(dirname "$file")")/cur/$(basename "$file" | sed 's/2,[A-Z]*$/2,FS/')"
rm "$(message_of "${id[2]}")"
new=$(letter "$work/letter" "offlineimap pushes this")
tr -d '\r' <"$work/letter" >"$work/mail/$folder/Inner/cur/1700000000.M1P1.ci:2,S"
there=$(letter "$work/letter" "offlineimap found this on the server")
imap append "$folder" "$work/letter" '\Flagged'

check "push and pull" sync
matches "a flag set here is set there" "$(imap flags "$folder" "${id[1]}")" 'Flagged'
check "what was deleted here is gone there" imap gone "$folder" "${id[2]}"
matches "what was filed here is there" "$(imap flags "$folder/Inner" "$new")" 'Seen'
check "what was filed there is here" test -n "$(message_of "$there")"
check "a third run" sync
check "both sides are equal at the end" same
imap delete "$folder/Inner"
finish
