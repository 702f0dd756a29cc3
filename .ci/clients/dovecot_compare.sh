#!/usr/bin/env bash
# Dovecot and we answer the same commands over the same messages the same, but for what
# dovecot_compare.py lists and explains.
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
. "$(dirname "$0")/lib.sh"
mkdir -p "$work"/{mail,base} && chmod 755 "$work"
cat >"$work/dovecot.conf" <<END
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
END
chown -R mail:mail "$work"
timeout 600 python3 "$clients/dovecot_compare.py" setpriv --reuid=mail --regid=mail --clear-groups \
	env HOME="$work" USER=mail doveadm -c "$work/dovecot.conf" exec imap
