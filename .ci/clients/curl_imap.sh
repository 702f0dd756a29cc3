#!/usr/bin/env bash
# curl: list, examine, fetch whole and in part, search, append, store, refuse.
. "$(dirname "$0")/lib.sh"

server="imap://$IMAP_HOST:$IMAP_PORT"
ask() { curl -sS --max-time 60 -u "$MAIL_USER:$MAIL_PASSWORD" "$@"; }
encoded=${folder// /%20}

list=$(ask "$server/")
matches "list has the inbox" "$list" '^\* LIST \([^)]*\) ".*" "?INBOX"?'
matches "list has sent items by special use or name" "$list" '(\\Sent|Sent)'
check "AUTHENTICATE PLAIN" ask --login-options AUTH=PLAIN "$server/INBOX" -X NOOP
refused "wrong password" 67 curl -sS -u "$MAIL_USER:wrong" "$server/"

exists=$(ask "$server/" -X "EXAMINE INBOX" | sed -n 's/^\* \([0-9]*\) EXISTS.*/\1/p')
matches "inbox holds mail" "$exists" '^[1-9][0-9]*$'
found=$(ask "$server/INBOX?ALL" | tr -d '\r' | sed -n 's/^\* SEARCH//p' | wc -w)
equal "search all finds every message" "$found" "$exists"

uid=$(ask "$server/INBOX" -X "UID SEARCH ALL" | tr -d '\r' | awk '/SEARCH/ {print $3}')
check "fetch a whole message" ask -o "$work/whole" "$server/INBOX;UID=$uid"
check "fetch its header" ask -o "$work/header" "$server/INBOX;UID=$uid;SECTION=HEADER"
check "fetch its text" ask -o "$work/text" "$server/INBOX;UID=$uid;SECTION=TEXT"
check "header and text make the whole" cmp "$work/whole" <(cat "$work/header" "$work/text")
size=$(ask "$server/INBOX" -X "UID FETCH $uid (RFC822.SIZE)" | sed -n 's/.*RFC822.SIZE \([0-9]*\).*/\1/p')
equal "RFC822.SIZE is the size of what comes" "$size" "$(stat -c %s "$work/whole")"
refused "a UID that does not exist" 78 ask -o /dev/null "$server/INBOX;UID=4294967294"

check "create a folder" ask "$server/" -X "CREATE \"$folder\""
id=$(letter "$work/letter" "curl appends")
check "append" ask -T "$work/letter" "$server/$encoded"
matches "the appended message is there" "$(ask "$server/$encoded" -X "SEARCH HEADER Message-ID $id")" '^\* SEARCH [0-9]+'
check "fetch it" ask -o "$work/back" "$server/$encoded;MAILINDEX=1"
check "it came back as it was" cmp "$work/back" "$work/letter"
check "store a flag" ask "$server/$encoded" -X 'STORE 1 +FLAGS (\Flagged)'
matches "the flag is set" "$(imap flags "$folder" "$id")" 'Flagged'
check "copy to the same folder" ask "$server/$encoded" -X "COPY 1 \"$folder\""
equal "there are two now" "$(imap count "$folder")" 2
check "mark and expunge" ask "$server/$encoded" -X 'STORE 1:* +FLAGS.SILENT (\Deleted)' --next -sS -u "$MAIL_USER:$MAIL_PASSWORD" "$server/$encoded" -X EXPUNGE
equal "none is left" "$(imap count "$folder")" 0
finish
