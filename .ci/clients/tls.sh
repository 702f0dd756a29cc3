#!/usr/bin/env bash
# STARTTLS and TLS from the first octet, by programs that check the certificate; on an instance of `mail2graph serve`.
. "$(dirname "$0")/lib.sh"

start_serve || finish
stop() {
	imap delete "$folder" >/dev/null 2>&1
	stop_serve
	cleanup
}
trap stop EXIT
IMAP_PORT=$IMAP_TLS_PORT SMTP_PORT=$SMTP_TLS_PORT
export CA IMAP_HOST=localhost SMTP_HOST=localhost
secret=$MAIL_USER:$MAIL_PASSWORD

imap create "$folder"
for i in 1 2 3; do id[i]=$(letter "$work/letter$i" "tls $i") && imap append "$folder" "$work/letter$i"; done
url=${folder// /%20}

# curl
get() { curl -sS --max-time 60 -u "$secret" "$@"; }
equal "curl, STARTTLS" "$(get --cacert "$CA" --ssl-reqd "imap://localhost:$IMAP_PORT/$url;MAILINDEX=1" | sha256sum)" "$(sha256sum <"$work/letter1")"
equal "curl, TLS" "$(get --cacert "$CA" "imaps://localhost:$IMAPS_PORT/$url;MAILINDEX=2" | sha256sum)" "$(sha256sum <"$work/letter2")"
refused "curl does not trust a root that it does not know" 60 get "imaps://localhost:$IMAPS_PORT/"
refused "curl with a wrong password over TLS" 67 curl -sS --max-time 60 --cacert "$CA" -u "$MAIL_USER:wrong" "imaps://localhost:$IMAPS_PORT/"
for kind in "smtp://localhost:$SMTP_PORT STARTTLS" "smtps://localhost:$SMTPS_PORT TLS"; do
	new=$(letter "$work/letter" "curl over ${kind#* }")
	check "curl sends, ${kind#* }" get --cacert "$CA" --ssl-reqd "${kind% *}" --mail-from "$MAIL_USER" --mail-rcpt "$MAIL_USER" -T "$work/letter"
	check "it arrives (${kind#* })" imap wait INBOX "$new"
done

# The protocol versions: 1.2 and 1.3, nothing older.
hello() { timeout 240 openssl s_client -connect "localhost:$1" -CAfile "$CA" -verify_return_error "${@:2}" 2>&1; }
for version in 1_2 1_3; do
	matches "IMAP over TLS $version" "$(hello "$IMAPS_PORT" -tls$version -ign_eof <<<'a LOGOUT')" '^\* BYE'
	matches "SMTP over TLS $version" "$(hello "$SMTPS_PORT" -tls$version -ign_eof <<<'QUIT')" '^221 '
done
for version in 1 1_1; do
	lacks "no IMAP over TLS $version" "$(hello "$IMAPS_PORT" -tls$version -cipher DEFAULT@SECLEVEL=0 </dev/null)" '^\* OK'
done
matches "STARTTLS of IMAP" "$(hello "$IMAP_PORT" -starttls imap -ign_eof <<<'a CAPABILITY
b LOGOUT')" '^\* CAPABILITY .*AUTH=PLAIN'
lacks "is not offered inside TLS" "$(hello "$IMAPS_PORT" -ign_eof <<<'a CAPABILITY
b LOGOUT')" '^\* .*(STARTTLS|LOGINDISABLED)'
matches "STARTTLS of SMTP" "$(hello "$SMTP_PORT" -starttls smtp -ign_eof <<<'EHLO ci
QUIT')" '^250[- ]AUTH .*PLAIN'
lacks "nor inside TLS" "$(hello "$SMTPS_PORT" -ign_eof <<<'EHLO ci
QUIT')" '^250[- ]STARTTLS'

# mbsync and fetchmail
for kind in "STARTTLS $IMAP_PORT" "IMAPS $IMAPS_PORT"; do
	tls=${kind% *} port=${kind#* }
	mkdir -p "$work/$tls"
	cat >"$work/mbsyncrc" <<EOT
IMAPStore remote
Host localhost
Port $port
User $MAIL_USER
Pass $MAIL_PASSWORD
SSLType $tls
CertificateFile $CA

MaildirStore local
Path $work/$tls/
SubFolders Verbatim

Channel one
Far ":remote:$folder"
Near :local:box
Create Near
SyncState *
EOT
	check "mbsync, $tls" env HOME="$work" timeout 240 mbsync -c "$work/mbsyncrc" one
	equal "mbsync has all, $tls" "$(find "$work/$tls/box/new" "$work/$tls/box/cur" -type f | wc -l)" 3
done
cat >"$work/deliver" <<EOT
#!/bin/sh
cat >>"$work/fetched"
EOT
chmod +x "$work/deliver"
for kind in "$IMAP_PORT sslproto|tls1.2+" "$IMAPS_PORT ssl"; do
	options=${kind#* }
	cat >"$work/fetchmailrc" <<EOT
poll localhost service ${kind% *} protocol IMAP auth password
	username "$MAIL_USER" password "$MAIL_PASSWORD" ${options/|/ } sslcertck sslcertfile "$CA"
	folder "$folder" mda "$work/deliver"
EOT
	chmod 600 "$work/fetchmailrc"
	: >"$work/fetched"
	check "fetchmail, ${options%|*}" env FETCHMAILHOME="$work" timeout 240 fetchmail -f "$work/fetchmailrc" --nosyslog --nodetach --all --keep
	equal "fetchmail has all, ${options%|*}" "$(grep -c '^Message-ID: <ci\.tls' "$work/fetched")" 3
done

# msmtp and swaks
for kind in "on $SMTP_PORT" "off $SMTPS_PORT"; do
	printf '%s\n' 'account default' 'host localhost' "port ${kind#* }" 'tls on' "tls_starttls ${kind% *}" "tls_trust_file $CA" 'auth plain' \
		"user $MAIL_USER" "password $MAIL_PASSWORD" "from $MAIL_USER" >"$work/msmtprc" && chmod 600 "$work/msmtprc"
	new=$(letter "$work/letter" "msmtp with STARTTLS ${kind% *}")
	check "msmtp, STARTTLS ${kind% *}" sh -c 'tr -d "\r" <"$1" | timeout 240 msmtp -C "$2" "$3"' sh "$work/letter" "$work/msmtprc" "$MAIL_USER"
	check "it arrives (msmtp, STARTTLS ${kind% *})" imap wait INBOX "$new"
	printf '%s\n' 'tls_trust_file system' >>"$work/msmtprc"
	refused "msmtp does not trust a root that it does not know" 69 sh -c 'timeout 240 msmtp -C "$1" "$2" <"$3"' sh "$work/msmtprc" "$MAIL_USER" "$work/letter"
done
talk() { timeout 240 swaks --from "$MAIL_USER" --to "$MAIL_USER" --timeout 240 --tls-ca-path "$CA" --tls-verify "$@" 2>&1 </dev/null; }
for kind in "--tls $SMTP_PORT" "--tls-on-connect $SMTPS_PORT"; do
	for mechanism in PLAIN LOGIN; do
		out=$(talk "${kind% *}" --server "localhost:${kind#* }" --auth $mechanism --auth-user "$MAIL_USER" --auth-password "$MAIL_PASSWORD" --header "Message-Id: <swaks.$RANDOM.$(date +%s%N)@example.com>")
		matches "swaks ${kind% *}, AUTH $mechanism" "$out" '^<~  250 2\.6\.0 '
	done
done
smuggled=$(python3 - "$SMTP_PORT" "$IMAP_PORT" <<'EOT'
import socket, ssl, sys
c = ssl.create_default_context()
c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
for port, start, ready in ((int(sys.argv[1]), b"EHLO ci\r\n", b"220 "), (int(sys.argv[2]), b"", b"a OK")):
    s = socket.create_connection(("localhost", port), 20)
    f = s.makefile("rb")
    f.readline()
    if start:
        s.sendall(start)
        while not f.readline().startswith(b"250 "):
            pass
    s.sendall(b"STARTTLS\r\nNOOP\r\n" if start else b"a STARTTLS\r\nx NOOP\r\n")
    answer = f.readline()
    try:
        t = c.wrap_socket(s)
        t.settimeout(3)
        print("injected:", t.recv(100))
    except (OSError, ssl.SSLError) as e:
        print("nothing of it:", answer, type(e).__name__)
EOT
)
equal "what was sent in plain text behind STARTTLS is not obeyed" "$(grep -c "^nothing of it" <<<"$smuggled")" 2
finish
