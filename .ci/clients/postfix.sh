#!/usr/bin/env bash
# Postfix with relayhost and SASL, an instance of its own: queue manager, SIZE, 8BITMIME, several recipients.
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
. "$(dirname "$0")/lib.sh"

. "$clients/postfix_instance"

mkdir -p "$work/etc"
printf '%s %s:%s\n' "[$SMTP_HOST]:$SMTP_PORT" "$MAIL_USER" "$MAIL_PASSWORD" >"$work/etc/sasl" && chmod 600 "$work/etc/sasl"
postfix_instance "relayhost = [$SMTP_HOST]:$SMTP_PORT
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:$work/etc/sasl
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = none" ""
log() { cat "$work/out" "$work/log" 2>/dev/null; }
send() { local file=$1; shift; timeout 240 "$work/p/usr/sbin/sendmail" -C "$etc" -i "$@" <"$file"; }
# status MESSAGE-ID: waits until the message has left, and prints what became of each recipient.
status() {
	local queue
	for _ in $(seq 300); do
		queue=$(log | sed -nE "s/.*cleanup\[[0-9]+\]: ([0-9A-F]+): message-id=$1$/\1/p" | head -n 1)
		[ -n "$queue" ] && log | grep -q " $queue: removed" && break
		sleep 0.1
	done
	log | grep -oE " $queue: to=.* status=[a-z]+ .*" || log
}

id=$(letter "$work/letter" "postfix relays")
tr -d '\r' <"$work/letter" >"$work/unix"
check "it takes a message" send "$work/unix" -f "$MAIL_USER" "$MAIL_USER"
matches "it is sent" "$(status "$id")" 'status=sent \(250 2\.'
check "it arrives" imap wait INBOX "$id"
imap body INBOX "$id" >"$work/back"
equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter")"

id=$(letter "$work/letter" "postfix, several recipients")
tr -d '\r' <"$work/letter" >"$work/unix"
check "it takes a message for three" send "$work/unix" -N success -f "$MAIL_USER" "$MAIL_USER" hidden@example.com other@example.com
equal "it is sent to all three" "$(status "$id" | grep -c 'status=sent (250 2\.')" 3
check "it arrives once" imap wait INBOX "$id"

for i in $(seq 8); do
	ids[i]=$(letter "$work/letter" "postfix in parallel $i")
	tr -d '\r' <"$work/letter" >"$work/unix$i"
	send "$work/unix$i" -f "$MAIL_USER" "$MAIL_USER"
done
for i in $(seq 8); do matches "message $i of eight is sent" "$(status "${ids[i]}")" 'status=sent \(250 2\.'; done
for i in 1 8; do check "message $i of eight arrives" imap wait INBOX "${ids[i]}"; done

id=$(letter "$work/letter" "postfix with a sender that is not ours")
tr -d '\r' <"$work/letter" >"$work/unix"
send "$work/unix" -f someone@else.example "$MAIL_USER"
matches "a sender that is not ours bounces" "$(status "$id")" 'status=bounced .*55[0-9] 5\.'
lacks "nothing it warned of" "$(log)" '(fatal|panic):'
finish
