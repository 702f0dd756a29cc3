#!/usr/bin/env bash
# interimap: our mailbox and one of Dovecot kept equal by QRESYNC, changes on either side.
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
. "$(dirname "$0")/lib.sh"
folder=CI-interimap

mkdir -p "$work"/{mail,base} && chmod 755 "$work"
cat >"$work/dovecot.conf" <<EOF
mail_location = maildir:$work/mail:LAYOUT=fs
mail_uid = mail
mail_gid = mail
first_valid_uid = 0
base_dir = $work/base
ssl = no
log_path = $work/log
namespace inbox {
  inbox = yes
  separator = /
}
EOF
cat >"$work/config" <<EOF
database = interimap.db
list-mailbox = $folder
[local]
type = tunnel
command = exec setpriv --reuid=mail --regid=mail --clear-groups env HOME=$work USER=mail doveadm -c $work/dovecot.conf exec imap
[remote]
type = imap
host = $IMAP_HOST
port = $IMAP_PORT
username = $MAIL_USER
password = $MAIL_PASSWORD
STARTTLS = NO
auth = PLAIN
EOF
chown -R mail:mail "$work"/{mail,base} "$work"
sync() { HOME=$work XDG_DATA_HOME=$work timeout 240 interimap --config="$work/config"; }
message_of() { grep -lrF "$1" "$work/mail/$folder"/{cur,new} | head -n 1; }
here() { find "$work/mail/$folder"/{cur,new} -type f | wc -l; }

imap create "$folder"
for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "interimap $i") && imap append "$folder" "$work/letter$i"; done
check "pull" sync
equal "four came" "$(here)" 4
equal "text is unchanged" "$(body "$(message_of "${id[2]}")")" "$(body "$work/letter2")"

file=$(message_of "${id[1]}")
mv "$file" "$work/mail/$folder/cur/$(basename "$file" | sed 's/:2,.*//'):2,FS"
rm "$(message_of "${id[2]}")"
new=$(letter "$work/letter5" "interimap pushes this") && cp "$work/letter5" "$work/mail/$folder/new/1700000000.1_1.ci"
there=$(letter "$work/letter6" "interimap finds this") && imap append "$folder" "$work/letter6" '\Flagged'
chown -R mail:mail "$work/mail"
check "both ways" sync
matches "a flag set here is set there" "$(imap flags "$folder" "${id[1]}")" 'Flagged'
check "what was deleted here is gone there" imap gone "$folder" "${id[2]}"
check "what was filed here is there" imap wait "$folder" "$new"
matches "what was filed there is here, with its flag" "$(message_of "$there")" ':2,.*F'

imap delete "$folder" && imap create "$folder"
matches "a folder made anew is noticed" "$(sync 2>&1)" "UIDVALIDITY changed"
finish
