#!/usr/bin/env bash
# fetchmail: read and keep, then read and expunge.
. "$(dirname "$0")/lib.sh"

export FETCHMAILHOME=$work
cat >"$work/deliver" <<EOF
#!/bin/sh
cat >"\$(mktemp "$work/in.XXXXXX")"
EOF
chmod +x "$work/deliver"
cat >"$work/rc" <<EOF
poll $IMAP_HOST service $IMAP_PORT protocol IMAP auth password
	username "$MAIL_USER" password "$MAIL_PASSWORD" sslproto ""
	folder "$folder" mda "$work/deliver"
EOF
chmod 600 "$work/rc"
get() { timeout 240 fetchmail -f "$work/rc" --nosyslog --nodetach "$@"; }

imap create "$folder"
for i in 1 2 3 4 5; do id[i]=$(letter "$work/letter$i" "fetchmail $i") && imap append "$folder" "$work/letter$i"; done

check "keep" get --keep
equal "five came" "$(find "$work" -name 'in.*' | wc -l)" 5
equal "five stay" "$(imap count "$folder")" 5
for i in 1 5; do
	file=$(grep -lF "${id[i]}" "$work"/in.*)
	equal "message $i has its text" "$(body "$file")" "$(body "$work/letter$i")"
	matches "message $i is read now" "$(imap flags "$folder" "${id[i]}")" 'Seen'
done
refused "nothing new the second time" 1 get --keep
equal "still five" "$(find "$work" -name 'in.*' | wc -l)" 5

rm -f "$work"/in.*
check "all, without keep" get --all --nokeep
equal "five came again" "$(find "$work" -name 'in.*' | wc -l)" 5
equal "none stays" "$(imap count "$folder")" 0

for i in 1 2 3; do imap append "$folder" "$work/letter$i"; done
rm -f "$work"/in.*
refused "expunge after each message, at most two" 13 get --all --nokeep --expunge 1 --fetchlimit 2
equal "one stays" "$(imap count "$folder")" 1
sed -i 's/password "[^"]*"/password "wrong"/' "$work/rc"
refused "wrong password" 3 get --keep
finish
