#!/usr/bin/env bash
# getmail6: read and keep, read what is new, then read and delete or move away.
. "$(dirname "$0")/lib.sh"
folder=CI-getmail # it does not quote the name of the folder to move to

mkdir -p "$work/mail" "$work/state"
# getmail waits for a program that ends before it listens for its end, until a limit of minutes is over: it takes its time.
cat >"$work/deliver" <<EOF
#!/bin/sh
cat >"\$(mktemp "$work/mail/XXXXXXXXXX")"
sleep 0.05
EOF
chmod +x "$work/deliver"
# rc NAME OPTIONS...: OPTIONS are lines of [options].
rc() {
	local name=$1
	shift
	cat >"$work/$name" <<EOF
[retriever]
type = SimpleIMAPRetriever
server = $IMAP_HOST
port = $IMAP_PORT
username = $MAIL_USER
password = $MAIL_PASSWORD
mailboxes = ("$folder",)
$(printf '%s\n' "${retriever[@]}")
[destination]
type = MDA_external
path = $work/deliver
unixfrom = false
allow_root_commands = true
[options]
verbose = 1
delivered_to = false
received = false
$(printf '%s\n' "$@")
EOF
}
get() { timeout 240 getmail --getmaildir "$work/state" --rcfile "$work/$1"; }
came() { find "$work/mail" -type f | wc -l; }

imap create "$folder" && imap create "$folder/Done"
for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "getmail $i") && imap append "$folder" "$work/letter$i"; done

retriever=()
rc keep "read_all = false" "delete = false"
check "read what is new and keep it" get keep
equal "four came" "$(came)" 4
for i in 1 4; do
	file=$(grep -lrF "${id[i]}" "$work/mail")
	equal "message $i has its text" "$(body "$file")" "$(body "$work/letter$i")"
done
id[5]=$(letter "$work/letter5" "getmail 5") && imap append "$folder" "$work/letter5"
check "read what is new since" get keep
equal "only that came" "$(came)" 5
check "it is that" grep -qrF "${id[5]}" "$work/mail"

retriever=("move_on_delete = $folder/Done")
rc move "read_all = true" "delete = true"
check "move what was read" get move
equal "all came once more" "$(came)" 10
equal "none stays" "$(imap count "$folder")" 0
equal "they are where they were moved to" "$(imap count "$folder/Done")" 5
imap delete "$folder/Done"

for i in 1 2 3; do imap append "$folder" "$work/letter$i"; done
retriever=()
rc delete "read_all = true" "delete = true" "max_messages_per_session = 2"
check "delete what was read, at most two" get delete
equal "one stays" "$(imap count "$folder")" 1
check "all the inbox, as a first-time user" sh -c 'sed "s/^mailboxes = .*/mailboxes = (\"INBOX\",)/" "$1/keep" >"$1/inbox" && getmail --getmaildir "$1/state" --rcfile "$1/inbox"' sh "$work"
equal "as many came as there are" "$(find "$work/mail" -type f | wc -l)" "$((12 + $(imap count INBOX)))"
finish
