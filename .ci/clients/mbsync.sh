#!/usr/bin/env bash
# mbsync: both ways over the whole tree of folders, until both sides are equal.
. "$(dirname "$0")/lib.sh"

cat >"$work/mbsyncrc" <<EOF
IMAPStore remote
Host $IMAP_HOST
Port $IMAP_PORT
User $MAIL_USER
Pass $MAIL_PASSWORD
SSLType None
AuthMechs PLAIN
Timeout 120

MaildirStore local
Path $work/mail/
Inbox $work/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Expunge Both
Remove None
SyncState *
CopyArrivalDate yes
EOF
mkdir -p "$work/mail"
sync() { HOME=$work timeout 600 mbsync -c "$work/mbsyncrc" -a; }
same() {
	imap tree | sed 's/^inbox\t/INBOX\t/I' >"$work/far" && imap maildir "$work/mail" >"$work/near" && diff "$work/far" "$work/near"
}
message_of() { grep -li "^message-id: *$1" -r "$work/mail" | head -n 1; }

imap create "$folder" && imap create "$folder/Ebene 2 – tief"
for i in 1 2 3; do id[i]=$(letter "$work/letter" "mbsync $i") && imap append "$folder" "$work/letter"; done

check "pull everything" sync
check "both sides are equal" same
matches "a tree came" "$(cd "$work/mail" && find . -name cur | sed 's,/cur$,,')" '^\./.+/.+/.+$'

file=$(message_of "${id[1]}")
mv "$file" "$(dirname "$(dirname "$file")")/cur/$(basename "$file" | sed 's/:2,.*//'):2,FS"
file=$(message_of "${id[2]}")
mv "$file" "$(dirname "$(dirname "$file")")/cur/$(basename "$file" | sed 's/:2,.*//'):2,ST"
new=$(letter "$work/letter" "mbsync pushes this")
tr -d '\r' <"$work/letter" >"$work/mail/$folder/cur/1700000000.1_1.ci:2,S"
mkdir -p "$work/mail/$folder/Made here"/{cur,new,tmp}
there=$(letter "$work/letter" "mbsync found this on the server")
imap append "$folder" "$work/letter" '\Answered'

check "push and pull" sync
check "both sides are equal again" same
matches "a flag set here is set there" "$(imap flags "$folder" "${id[1]}")" 'Flagged'
check "what was deleted here is gone there" imap gone "$folder" "${id[2]}"
matches "what was filed here is there" "$(imap flags "$folder" "$new")" 'Seen'
check "what was filed there is here" test -n "$(message_of "$there")"
check "the folder made here is there" imap count "$folder/Made here"

before=$(cd "$work/mail" && find . -type f ! -name '.mbsyncstate*' ! -name '.uidvalidity' | sort | sha256sum)
check "a third run" sync
equal "changes nothing" "$(cd "$work/mail" && find . -type f ! -name '.mbsyncstate*' ! -name '.uidvalidity' | sort | sha256sum)" "$before"
imap delete "$folder/Made here"
imap delete "$folder/Ebene 2 – tief"
finish
