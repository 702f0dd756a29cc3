#!/usr/bin/env bash
# s-nail: commands on an IMAP folder, where CLOSE is what expunges, and SMTP.
. "$(dirname "$0")/lib.sh"
folder=CI-s-nail

login=$(python3 -c 'import os, urllib.parse as u; print(u.quote(os.environ["MAIL_USER"], safe="") + ":" + u.quote(os.environ["MAIL_PASSWORD"], safe=""))')
url=imap://$login@$IMAP_HOST:$IMAP_PORT
cat >"$work/rc" <<EOF
set v15-compat keep hold imap-auth=login sendwait ttycharset=UTF-8
set mta=smtp://$login@$SMTP_HOST:$SMTP_PORT smtp-auth=login from=$MAIL_USER
set record=$url/$folder
EOF
# nail ARGUMENTS: what it does comes from its standard input.
nail() { HOME=$work MAILRC=$work/rc TERM=dumb timeout 240 s-nail -:u "$@" 2>&1; }
commands() { local where=$1; shift; printf '%s\n' "$@" | nail -# -f "$url/$where"; }

imap create "$folder" && imap create "$folder/Filed"
for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "s-nail $i") && imap append "$folder" "$work/letter$i"; done

out=$(commands "$folder" 'from *' 'type 1' 'flag 2' "copy 3 $url/$folder/Filed" quit)
equal "a line for each message" "$(grep -c 's-nail [1-4]' <<<"$(grep -v '^Subject' <<<"$out")")" 4
matches "text of a message" "$out" 'Grüße aus der Prüfung'
matches "what was typed is read" "$(imap flags "$folder" "${id[1]}")" 'Seen'
matches "what was flagged is flagged" "$(imap flags "$folder" "${id[2]}")" 'Flagged'
equal "what was not touched is not" "$(imap flags "$folder" "${id[4]}")" ''
check "what was copied is there" imap wait "$folder/Filed" "${id[3]}"
imap body "$folder/Filed" "${id[3]}" >"$work/back" # it quotes From as in an mbox
equal "its text is unchanged" "$(body "$work/back" | sed "s/^>From/From/")" "$(body "$work/letter3")"
commands "$folder" "delete 2" quit >"$work/out"
check "it is gone" imap gone "$folder" "${id[2]}"
equal "three stay" "$(imap count "$folder")" 3
commands "$folder" 'delete *' quit >"$work/out"
equal "nothing is left" "$(imap count "$folder")" 0
imap delete "$folder/Filed"

subject="s-nail writes $RANDOM"
check "write a message" sh -c 'HOME=$1 MAILRC=$1/rc timeout 240 s-nail -:u -s "$2" -a "$1/letter1" "$3" <"$1/letter2"' sh "$work" "$subject" "$MAIL_USER"
for _ in $(seq 90); do
	where=$(imap tree | awk -F '\t' -v s="$subject" 'index($2, s) {print $1}' | sort | tr '\n' ' ')
	case $where in *INBOX*) break ;; esac
	sleep 1
done
matches "it arrives in the inbox" "$where" 'INBOX'
matches "s-nail filed its own copy" "$where" "$folder "
finish
