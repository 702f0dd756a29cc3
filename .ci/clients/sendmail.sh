#!/usr/bin/env bash
# The small programs that stand in for sendmail and relay to a smarthost: nullmailer, dma, ssmtp.
# They exclude each other as packages, so they are unpacked, not installed.
. "$(dirname "$0")/lib.sh"

(cd "$work" && mkdir debs && cd debs && apt-get download -q nullmailer dma ssmtp >/dev/null 2>&1)
for p in nullmailer dma ssmtp; do
	mkdir "$work/$p"
	check "$p unpacks" dpkg -x "$work/debs/$p"_*.deb "$work/$p"
done

# delivered NAME: sends a letter through `send`, waits for it, and compares.
delivered() {
	local id
	id=$(letter "$work/letter" "$1 relays")
	tr -d '\r' <"$work/letter" >"$work/unix"
	check "$1 takes it" send
	check "$1: it arrives" imap wait INBOX "$id"
	imap body INBOX "$id" >"$work/back"
	equal "$1: its text is unchanged" "$(body "$work/back")" "$(body "$work/letter")"
}

cat >"$work/ssmtp.conf" <<EOF
root=$MAIL_USER
mailhub=$SMTP_HOST:$SMTP_PORT
hostname=example.com
AuthUser=$MAIL_USER
AuthPass=$MAIL_PASSWORD
FromLineOverride=YES
EOF
send() { timeout 240 "$work/ssmtp/usr/sbin/ssmtp" -C"$work/ssmtp.conf" -f "$MAIL_USER" "$MAIL_USER" <"$work/unix"; }
delivered ssmtp

# nullmailer's own sender of one message, as its queue runner starts it: 0 means sent.
send() {
	printf 'user=%s\npass=%s\nhost=%s\nport=%s\nauth-login\n' "$MAIL_USER" "$MAIL_PASSWORD" "$SMTP_HOST" "$SMTP_PORT" >"$work/options"
	{ printf '%s\n%s\n\n' "$MAIL_USER" "$MAIL_USER"; cat "$work/unix"; } >"$work/queued"
	HELOHOST=gateway.example.com timeout 240 "$work/nullmailer/usr/lib/nullmailer/smtp" <"$work/options" 3<"$work/queued"
}
delivered nullmailer

# dma reads only /etc/dma, so it gets an /etc of its own where the system lets us.
mkdir -p "$work/dma/spool" && chmod 777 "$work/dma/spool" && chmod 755 "$work"
cat >"$work/dma/etc/dma/dma.conf" <<EOF
SMARTHOST $SMTP_HOST
PORT $SMTP_PORT
AUTHPATH /etc/dma/auth.conf
SPOOLDIR $work/dma/spool
INSECURE
NULLCLIENT
MAILNAME gateway.example.net
EOF
printf '%s|%s:%s\n' "$MAIL_USER" "$SMTP_HOST" "$MAIL_PASSWORD" >"$work/dma/etc/dma/auth.conf"
own_etc() { unshare -m sh -c 'mount -t overlay overlay -o lowerdir="$0:/etc" /etc && exec "$@"' "$work/dma/etc" "$@"; }
if own_etc test -e /etc/dma/auth.conf 2>/dev/null; then
	send() { own_etc timeout 240 "$work/dma/usr/sbin/dma" -D -i -f "$MAIL_USER" "$MAIL_USER" <"$work/unix"; }
	delivered dma
	equal "dma's queue is empty" "$(find "$work/dma/spool" -name '[QM]*')" ''
else
	echo "dma: left out, it needs root and overlay mounts"
fi
finish
