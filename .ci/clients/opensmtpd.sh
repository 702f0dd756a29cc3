#!/usr/bin/env bash
# OpenSMTPD as a relay. It gives its password over TLS alone, so it relays to an instance of `mail2graph serve`.
[ "$(id -u)" -eq 0 ] || exec sudo -n -E "$0" "$@"
. "$(dirname "$0")/lib.sh"

(cd "$work" && apt-get download -q opensmtpd >/dev/null 2>&1)
check "it unpacks" dpkg -x "$work"/opensmtpd_*.deb "$work/o"
start_serve || finish
relay=
stop() {
	[ -z "$relay" ] || { kill "$relay" 2>/dev/null && wait "$relay"; } 2>/dev/null
	stop_serve
	cleanup
}
trap stop EXIT

# It runs as users of its own and knows where its files are: a root of its own would need half a system, mounts do.
chmod 755 "$work" && mkdir -p "$work"/{spool,lib/opensmtpd/empty,run,certs} && chmod 755 "$work"/{spool,lib,lib/opensmtpd,lib/opensmtpd/empty,run,certs}
{ cat /etc/passwd; printf '%s\n' "opensmtpd:x:991:991::/var/lib/opensmtpd/empty:/usr/sbin/nologin" "opensmtpq:x:992:992::/var/lib/opensmtpd/empty:/usr/sbin/nologin"; } >"$work/passwd"
{ cat /etc/group; printf '%s\n' opensmtpd:x:991: opensmtpq:x:992:; } >"$work/group"
cp "$CA" "$work/certs/ca-certificates.crt"
chmod 644 "$work"/{passwd,group,certs/*}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/smtpd.conf" <<EOF
table secrets { "good" = "$MAIL_USER:$MAIL_PASSWORD" }
listen on 127.0.0.1 port $port
action "STARTTLS" relay host "smtp+tls://good@localhost:$SMTP_TLS_PORT" auth <secrets>
action "TLS" relay host "smtps://good@localhost:$SMTPS_PORT" auth <secrets>
match from any helo "TLS" for any action "TLS"
match from any for any action "STARTTLS"
EOF
inside() {
	exec unshare -m sh -ec 'w=$0; for f in passwd group; do mount --bind "$w/$f" "/etc/$f"; done
		mount --bind "$w/certs" /etc/ssl/certs; mount --bind "$w/spool" /var/spool; mount --bind "$w/lib" /var/lib; mount --bind "$w/run" /run; exec "$@"' "$work" "$@"
}
if ! (inside true) 2>/dev/null; then
	echo "opensmtpd: left out, it needs bind mounts"
	finish
fi
inside "$work/o/usr/sbin/smtpd" -d -f "$work/smtpd.conf" >"$work/log" 2>&1 &
relay=$!
for _ in $(seq 100); do swaks --server "127.0.0.1:$port" --quit-after BANNER >/dev/null 2>&1 && break; sleep 0.1; done
# submit HELO FROM TO
submit() { tr -d '\r' <"$work/letter" | timeout 240 swaks --server "127.0.0.1:$port" --helo "$1" --from "$2" --to "$3" --data - --suppress-data; }
# status N: what became of the message that was submitted last; waits for N recipients.
status() {
	local message
	message=$(sed -nE 's/.* smtp message msgid=([0-9a-f]+) .*/\1/p' "$work/log" | tail -n 1)
	for _ in $(seq 300); do [ "$(grep -c " mta delivery evpid=$message" "$work/log")" -lt "$1" ] || break; sleep 0.1; done
	grep " mta delivery evpid=$message" "$work/log" || cat "$work/log"
}

for way in STARTTLS TLS; do
	id=$(letter "$work/letter" "opensmtpd relays with $way")
	check "it takes a message ($way)" submit "$way" "$MAIL_USER" "$MAIL_USER"
	matches "it is relayed ($way)" "$(status 1)" 'result="?Ok"? stat="250 2\.'
	check "it arrives ($way)" imap wait INBOX "$id"
	imap body INBOX "$id" >"$work/back"
	equal "its text is unchanged ($way)" "$(body "$work/back")" "$(body "$work/letter")"
done
equal "it checked the certificate" "$(grep -c 'server-cert-check result="success"' "$work/log")" 2
letter "$work/letter" "opensmtpd, several recipients" >/dev/null
check "it takes a message for three" submit TLS "$MAIL_USER" "$MAIL_USER,hidden@example.com,other@example.com"
equal "relayed to all three" "$(status 3 | grep -c 'result="Ok" stat="250 2\.')" 3
letter "$work/letter" "opensmtpd with a sender that is not ours" >/dev/null
check "it takes a message of somebody else" submit TLS someone@else.example "$MAIL_USER"
matches "which is refused for good" "$(status 1)" 'result="?PermFail"? stat="55[0-9] 5\.'
finish
