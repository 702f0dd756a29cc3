#!/usr/bin/env bash
# Exim 4 with a smarthost, as a Debian host that was told "mail sent by smarthost": CHUNKING, pipelining, its queue.
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
. "$(dirname "$0")/lib.sh"

(cd "$work" && apt-get download -q exim4-daemon-light >/dev/null 2>&1)
check "it unpacks" dpkg -x "$work"/exim4-daemon-light_*.deb "$work/exim"
mkdir -p "$work/spool" && chmod 755 "$work" && chown mail:mail "$work/spool"
cat >"$work/exim.conf" <<EOF
exim_path = $work/exim/usr/sbin/exim4
exim_user = mail
keep_environment =
exim_group = mail
spool_directory = $work/spool
log_file_path = $work/%slog
primary_hostname = gateway.example.com
trusted_users = root
never_users =
tls_advertise_hosts =
remote_max_parallel = 2
begin routers
smarthost:
  driver = manualroute
  transport = relay
  route_list = * $SMTP_HOST byname
  self = send
begin transports
relay:
  driver = smtp
  port = $SMTP_PORT
  hosts_require_auth = *
  hosts_avoid_tls = *
  allow_localhost
  hosts_try_chunking = \${if exists{$work/nochunking}{}{*}}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^$MAIL_USER^$MAIL_PASSWORD
EOF
# Debian's binary knows its user by name: a user database that has it, for exim's eyes only.
{ cat /etc/passwd; echo "Debian-exim:x:8:8::$work/spool:/usr/sbin/nologin"; } >"$work/passwd"
{ cat /etc/group; echo "Debian-exim:x:8:"; } >"$work/group"
touch "$work"/{main,panic,reject}log && chown mail:mail "$work"/*log "$work" && chmod 644 "$work/exim.conf" && chown root:root "$work/exim.conf"
exim() {
	timeout 240 unshare -m sh -c 'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$0/exim/usr/sbin/exim4" -C "$0/exim.conf" "$@"' "$work" "$@"
}
submit() { exim -odf -oi -f "$MAIL_USER" "$MAIL_USER" <"$work/unix"; }
if ! exim -bV >/dev/null 2>&1; then
	echo "exim: left out, it needs bind mounts: $(exim -bV 2>&1 | tail -n 1)"
	finish
fi

for mode in chunking nochunking; do
	touch "$work/$mode"
	id=$(letter "$work/letter" "exim relays with $mode")
	tr -d '\r' <"$work/letter" >"$work/unix"
	check "it takes a message ($mode)" submit
	equal "its queue is empty" "$(exim -bpc)" 0
	matches "its log says delivered" "$(cat "$work/mainlog")" "=> $MAIL_USER .* A=plain$([ $mode = nochunking ] || echo ' K').* C=\"250 "
	check "it arrives" imap wait INBOX "$id"
	imap body INBOX "$id" >"$work/back"
	equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter")"
	mv "$work/mainlog" "$work/mainlog.$mode" && touch "$work/mainlog" && chown mail:mail "$work/mainlog"
done

# Several recipients, several messages in the queue, one run.
rm "$work/nochunking"
for i in 1 2 3; do
	id[i]=$(letter "$work/letter" "exim queues $i")
	tr -d '\r' <"$work/letter" >"$work/unix"
	exim -odq -oi -f "$MAIL_USER" "$MAIL_USER" hidden@example.com <"$work/unix"
done
equal "three wait in the queue" "$(exim -bpc)" 3
check "a queue run" exim -q
equal "the queue is empty" "$(exim -bpc)" 0
for i in 1 2 3; do check "message $i arrives" imap wait INBOX "${id[i]}"; done
equal "nothing it panicked about but our own configuration" "$(grep -v 'lost privilege for using -C' "$work/paniclog")" ''

id=$(letter "$work/letter" "exim with a sender that is not ours")
tr -d '\r' <"$work/letter" >"$work/unix"
exim -odf -oi -f someone@else.example "$MAIL_USER" <"$work/unix"
matches "a sender that is not ours is refused for good" "$(cat "$work/mainlog")" '\*\* .*55[0-9] 5\.'
finish
