#!/usr/bin/env bash
# swaks: the SMTP dialogue itself, each mechanism of AUTH in each form of TLS.
. "$(dirname "$0")/lib.sh"

talk() { timeout 240 swaks --server "$SMTP_HOST:$SMTP_PORT" --from "$MAIL_USER" --to "$MAIL_USER" --timeout 240 "$@" 2>&1 </dev/null; }
login=(--auth-user "$MAIL_USER" --auth-password "$MAIL_PASSWORD")

# exchange NAME REGEXP ARGUMENTS: a message goes out, the dialogue has such a line, and it arrives.
exchange() {
	local name=$1 pattern=$2 out id
	shift 2
	id="<swaks.$RANDOM$RANDOM.$(date +%s%N)@example.com>"
	out=$(talk "${login[@]}" --header "Message-Id: $id" --header "Subject: swaks $name" --body "text of $name" "$@")
	matches "$name" "$out" "$pattern"
	matches "$name: accepted" "$out" '^<[-~]  250 2\.[06]\.0 (Accepted|Queued) ' # queued where the service is slow
	check "$name: it arrives" imap wait INBOX "$id"
}

hello=$(talk --quit-after EHLO)
for word in PIPELINING 8BITMIME 'SIZE [0-9]+' CHUNKING BINARYMIME SMTPUTF8 DSN 'LIMITS .*RCPTMAX=1000' 'AUTH .*PLAIN' 'AUTH .*LOGIN' ENHANCEDSTATUSCODES; do
	matches "EHLO offers ${word%% *}" "$hello" "^<-  250[- ]$word"
done
for mechanism in PLAIN LOGIN; do exchange "AUTH $mechanism" '^<-  235 2\.7\.0' --auth "$mechanism"; done
exchange "AUTH as it likes" '^<-  235 2\.7\.0' --auth
exchange "AUTH if there is any" '^<-  235 2\.7\.0' --auth-optional PLAIN
# What is not offered it does not try; who tries all the same hears 504.
for mechanism in CRAM-MD5 CRAM-SHA1 DIGEST-MD5; do
	lacks "$mechanism is not offered" "$hello" "^<-  250[- ]AUTH .*$mechanism"
	out=$(talk --auth "$mechanism" "${login[@]}")
	matches "swaks finds no $mechanism" "$out" '^\*\*\* (Auth not attempted|No authentication type|No acceptable authentication)'
	lacks "and sends nothing ($mechanism)" "$out" '^ [-~]> (AUTH|MAIL)'
done
for mechanism in CRAM-MD5 CRAM-SHA1 DIGEST-MD5 XOAUTH2 OAUTHBEARER NTLM GSSAPI SCRAM-SHA-256 EXTERNAL ANONYMOUS; do
	out=$(printf 'EHLO ci\r\nAUTH %s\r\nAUTH %s dXNlcj1hAWF1dGg9QmVhcmVyIHgBAQ==\r\nAUTH PLAIN %s\r\nQUIT\r\n' "$mechanism" "$mechanism" \
		"$(printf '\0%s\0%s' "$MAIL_USER" "$MAIL_PASSWORD" | base64 -w 0)" | timeout 60 curl -sS --max-time 60 "telnet://$SMTP_HOST:$SMTP_PORT" 2>&1)
	equal "AUTH $mechanism is refused, and PLAIN goes on" "$(tr -d '\r' <<<"$out" | grep -E '^(504|535|334|235)' | cut -c 1-9 | paste -sd ,)" '504 5.5.4,504 5.5.4,235 2.7.0'
done

head -c 700000 /dev/urandom >"$work/random.bin"
id="<swaks.attach.$RANDOM.$(date +%s%N)@example.com>"
out=$(talk --auth PLAIN "${login[@]}" --pipeline --header "Message-Id: $id" --header "Subject: swaks attaches" --attach "@$work/random.bin")
lacks "pipelined, with an attachment" "$out" '^<\*\*'
equal "and it was a pipeline" "$(grep -E '^ ->' <<<"$out" | grep -A 2 MAIL | cut -d : -f 1 | tr -d '\n')" "$(grep -E '^( ->|<-)' <<<"$out" | grep -A 2 ' MAIL' | cut -d : -f 1 | tr -d '\n')"
check "it arrives (attachment)" imap wait INBOX "$id"
imap body INBOX "$id" >"$work/back"
equal "the attachment is unchanged, byte for byte" "$(attached "$work/back")" "$(sum_of "$work/random.bin")"
matches "pipelined, one recipient of three is refused" "$(talk --auth PLAIN "${login[@]}" --pipeline --to "$MAIL_USER,not@an@address@example.com,hidden@example.com")" '^<\*\* 553 5\.1\.3'
matches "wrong password" "$(talk --auth PLAIN --auth-user "$MAIL_USER" --auth-password wrong)" '^<\*\* 535 5\.7\.8'
matches "wrong password, LOGIN" "$(talk --auth LOGIN --auth-user "$MAIL_USER" --auth-password wrong)" '^<\*\* 535 5\.7\.8'
matches "unknown user" "$(talk --auth PLAIN --auth-user nobody --auth-password x)" '^<\*\* 535 5\.7\.8'
matches "no mail without AUTH" "$(talk)" '^<\*\* 530 5\.7\.0'
matches "no mail without AUTH, pipelined" "$(talk --pipeline)" '^<\*\* 530 5\.7\.0'
matches "no foreign sender" "$(talk --auth PLAIN "${login[@]}" --from someone@else.example)" '^<\*\* 55[0-9] 5\.'
matches "no LMTP" "$(talk --protocol LMTP --quit-after EHLO)" '^<\*\* 50[0-9] 5\.5\.1'
matches "a plain port has no STARTTLS without a certificate" "$(talk --tls)" '^\*\*\* (STARTTLS attempted but not offered|Host did not advertise STARTTLS)'
exchange "TLS if there is any: none" '^<-  235 ' --tls-optional --auth PLAIN

# The same with a certificate.
start_serve || finish
stop() {
	stop_serve
	cleanup
}
trap stop EXIT
SMTP_HOST=localhost
for form in "without TLS:$SMTP_TLS_PORT:" "STARTTLS:$SMTP_TLS_PORT:--tls" "TLS if there is any:$SMTP_TLS_PORT:--tls-optional-strict" "implicit TLS:$SMTPS_PORT:--tls-on-connect"; do
	IFS=: read -r name SMTP_PORT flag <<<"$form"
	tls=(${flag:+"$flag" --tls-verify --tls-ca-path "$CA"})
	for mechanism in PLAIN LOGIN; do
		case $flag in '') pattern='^<-  235 ' ;; *) pattern='^<~  235 ' ;; esac
		exchange "$name, AUTH $mechanism" "$pattern" "${tls[@]}" --auth "$mechanism"
		matches "$name, wrong password, $mechanism" "$(talk "${tls[@]}" --auth "$mechanism" --auth-user "$MAIL_USER" --auth-password wrong)" '^<(\*\*|~\*) 535 5\.7\.8'
	done
	matches "$name, no mail without AUTH" "$(talk "${tls[@]}")" '^<(\*\*|~\*) 530 5\.7\.0'
	matches "$name, no CRAM-MD5" "$(talk "${tls[@]}" --auth CRAM-MD5 "${login[@]}")" '^\*\*\* (Auth not attempted|No authentication type|No acceptable authentication)'
	exchange "$name, pipelined" '250 2\.' "${tls[@]}" --auth PLAIN --pipeline
	[ -n "$flag" ] || continue
	lacks "$name: not offered again inside" "$(talk "${tls[@]}" --quit-after EHLO)" '^<~  250[- ]STARTTLS'
done
SMTP_PORT=$SMTP_TLS_PORT
for version in tlsv1_2 tlsv1_3; do
	exchange "STARTTLS with $version" "^=== TLS started with cipher ${version/tlsv1_/TLSv1.}:" --tls --tls-protocol "$version" --auth PLAIN
done
for version in tlsv1 tlsv1_1; do
	out=$(talk --tls --tls-protocol "$version" --tls-cipher 'DEFAULT:@SECLEVEL=0' --auth PLAIN "${login[@]}")
	matches "no STARTTLS with $version" "$out" '^\*\*\* TLS startup failed'
	lacks "and no password goes out ($version)" "$out" '^ [-~]> AUTH'
	matches "no TLS with $version" "$(SMTP_PORT=$SMTPS_PORT talk --tls-on-connect --tls-protocol "$version" --tls-cipher 'DEFAULT:@SECLEVEL=0' --auth PLAIN "${login[@]}")" '^\*\*\* TLS startup failed'
done
out=$(talk --tls --tls-verify --auth PLAIN "${login[@]}")
lacks "a root that it does not know: no password goes out" "$out" '^ [-~]> AUTH'
matches "plain SMTP where TLS is expected" "$(SMTP_PORT=$SMTPS_PORT timeout 240 swaks --server "localhost:$SMTPS_PORT" --to "$MAIL_USER" --timeout 5 2>&1 </dev/null)" '^(<\*\*|\*\*\*) '
finish
