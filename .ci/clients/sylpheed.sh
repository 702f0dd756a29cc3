#!/usr/bin/env bash
# Sylpheed under a display of its own, driven by its command line: counts, new mail, a message, one written.
# It has a parser of IMAP of its own and fetches RFC822.HEADER.
. "$(dirname "$0")/lib.sh"
folder=CI-sylpheed

imap create "$folder"
for i in 1 2 3; do id[i]=$(letter "$work/letter$i" "sylpheed $i") && imap append "$folder" "$work/letter$i"; done
new=$(letter "$work/new" "sylpheed 4")
mkdir -p "$work/rc" "$work/Mail"/{inbox,sent,draft,queue,trash}
cat >"$work/rc/accountrc" <<EOF
[Account: 1]
account_name=Demo
is_default=1
name=Demo User
address=$MAIL_USER
protocol=3
receive_server=$IMAP_HOST
set_imapport=1
imap_port=$IMAP_PORT
user_id=$MAIL_USER
password=$MAIL_PASSWORD
smtp_server=$SMTP_HOST
set_smtpport=1
smtp_port=$SMTP_PORT
use_smtp_auth=1
smtp_user_id=$MAIL_USER
smtp_password=$MAIL_PASSWORD
receive_at_get_all=1
set_sent_folder=1
sent_folder=#imap/Demo/Sent Items
EOF
cat >"$work/rc/folderlist.xml" <<EOF
<?xml version="1.0" encoding="UTF-8"?>
<folderlist>
<folder type="mh" name="Mailbox" path="$work/Mail">
<folderitem type="inbox" name="inbox" path="inbox"/>
<folderitem type="outbox" name="sent" path="sent"/>
<folderitem type="draft" name="draft" path="draft"/>
<folderitem type="queue" name="queue" path="queue"/>
<folderitem type="trash" name="trash" path="trash"/>
</folder>
<folder type="imap" name="Demo" account_id="1">
<folderitem type="inbox" name="INBOX" path="INBOX"/>
<folderitem type="outbox" name="Sent Items" path="Sent Items"/>
<folderitem type="normal" name="$folder" path="$folder"/>
</folder>
</folderlist>
EOF
printf '[Common]\nauto_update_check=0\n' >"$work/rc/sylpheedrc"
unset DBUS_SESSION_BUS_ADDRESS
export HOME=$work XDG_RUNTIME_DIR=$work TMPDIR=$work

Xvfb -displayfd 3 -screen 0 1280x900x24 -nolisten tcp 3>"$work/display" 2>/dev/null &
xvfb=$!
program=
stop() {
	[ -z "$program" ] || kill -KILL "$program" 2>/dev/null
	kill "$xvfb" 2>/dev/null
	wait
	cleanup
}
trap stop EXIT
# eventually COMMAND...: within two minutes it succeeds.
eventually() {
	for _ in $(seq 600); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
	"$@"
}
eventually test -s "$work/display"
DISPLAY=:$(cat "$work/display")
export DISPLAY
sylpheed() { timeout 240 sylpheed --configdir "$work/rc" "$@"; }
# has REGEXP: what it knows of the folder (new, unread, total) after it has looked for new mail.
has() { sylpheed --status-full "#imap/Demo/$folder" | grep -E "^ *$1 #imap/Demo/$folder$"; }
window() { xdotool search --onlyvisible --name "$1"; }

command sylpheed --configdir "$work/rc" >/dev/null 2>&1 &
program=$!
check "it starts" eventually window 'Sylpheed'
sylpheed --receive-all
check "counts the folder" eventually has '3 +3 +3'
imap append "$folder" "$work/new"
sylpheed --receive-all
check "new mail shows up" eventually has '[14] +4 +4'
sylpheed --open "#imap/Demo/$folder/2"
check "opens a message" eventually window '^sylpheed 2 - '

subject="sylpheed writes $RANDOM"
sylpheed --compose "mailto:$MAIL_USER?subject=${subject// /%20}&body=Gr%C3%BC%C3%9Fe" --attach "$work/letter1"
check "composes" eventually window "^$subject - "
# There is no window manager to give it the focus; the button is at the beginning of the toolbar.
timeout 240 xdotool windowraise "$(window "^$subject - ")" mousemove --window "$(window "^$subject - ")" 40 45 click 1
closed() { ! window "^$subject - "; }
check "sends" eventually closed
equal "it arrives, and there is one copy in Sent Items" "$(folders_of "$subject")" 'INBOX,Sent Items'
sylpheed --exit
left() { ! kill -0 "$program"; }
check "quits" eventually left
finish
