# Shared by the client scripts: counting of checks and what every one of them needs.
# The server is given by IMAP_HOST, IMAP_PORT, SMTP_HOST, SMTP_PORT, MAIL_USER and
# MAIL_PASSWORD; all have the defaults of `mail2graph demo`.
set -uo pipefail
export PYTHONDONTWRITEBYTECODE=1

export IMAP_HOST=${IMAP_HOST:-127.0.0.1} IMAP_PORT=${IMAP_PORT:-1143}
export SMTP_HOST=${SMTP_HOST:-127.0.0.1} SMTP_PORT=${SMTP_PORT:-1025}
export MAIL_USER=${MAIL_USER:-demo@example.com} MAIL_PASSWORD=${MAIL_PASSWORD:-demo}

clients=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
client=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/$client.XXXXXX")
passed=0 failed=0

# The folder that a script may fill is its own; it goes when the script ends.
folder="CI $client"
cleanup() {
	imap delete "$folder" >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT

# Whatever talks to a server runs with a limit of time.
imap() { timeout 300 python3 "$clients/imap.py" "$@"; }

pass() { passed=$((passed + 1)); printf 'PASS %s: %s\n' "$client" "$1"; }
fail() {
	failed=$((failed + 1))
	printf 'FAIL %s: %s\n' "$client" "$1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | tail -n 25 | sed 's/^/    /'
}

# start_serve starts an instance of `mail2graph serve` with a certificate, on the demo's simulated Graph, and sets
# IMAP_TLS_PORT and SMTP_TLS_PORT (STARTTLS), IMAPS_PORT and SMTPS_PORT (TLS from the first octet), and CA, the root's file.
start_serve() {
	mkdir "$work/serve"
	python3 "$clients/serve.py" "$work/serve" >"$work/serve.out" 2>&1 &
	serve=$!
	for _ in $(seq 300); do [ -s "$work/serve/env" ] || ! kill -0 "$serve" 2>/dev/null || sleep 0.1; done
	check "serve starts with a certificate" grep . "$work/serve/env" || { cat "$work/serve.out"; return 1; }
	. "$work/serve/env"
}
stop_serve() { kill "$serve" 2>/dev/null && wait "$serve"; }

# check NAME COMMAND...: the command must succeed; its output is shown if it does not.
check() {
	local name=$1 out status
	shift
	out=$("$@" 2>&1 </dev/null)
	status=$?
	if [ $status -eq 0 ]; then pass "$name"; else fail "$name" "exit status $status from: $*
$out"; fi
	return $status
}

# equal NAME GOT WANT
equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:  $2
want: $3"; fi
}

# matches NAME TEXT EXTENDED-REGEXP
matches() {
	if grep -Eq -- "$3" <<<"$2"; then pass "$1"; else fail "$1" "no line matches $3 in:
$2"; fi
}

# lacks NAME TEXT EXTENDED-REGEXP
lacks() {
	if grep -Eq -- "$3" <<<"$2"; then fail "$1" "a line matches $3 in:
$2"; else pass "$1"; fi
}

# refused NAME STATUS COMMAND...: the command must end with just this exit status.
refused() {
	local name=$1 want=$2 out status
	shift 2
	out=$("$@" 2>&1 </dev/null)
	status=$?
	if [ $status -eq "$want" ]; then pass "$name"; else fail "$name" "exit status $status, want $want, from: $*
$out"; fi
}

# letter FILE SUBJECT: writes a message with CRLF, non-ASCII text and lines that begin with dots.
letter() {
	local id="<ci.$client.$RANDOM$RANDOM.$(date +%s%N)@example.com>"
	printf '%s\r\n' "From: Demo User <$MAIL_USER>" "To: $MAIL_USER" "Subject: $2" "Message-ID: $id" \
		"Date: $(LC_ALL=C date -R)" "MIME-Version: 1.0" "Content-Type: text/plain; charset=utf-8" \
		"Content-Transfer-Encoding: 8bit" "" "Grüße aus der Prüfung, größer als 7 Bit: € Ł 日本" "." ".." ".hidden" "" \
		"From the beginning of a line." "$(printf 'long %.0s' {1..150})" "The end." >"$1"
	printf '%s\n' "$id"
}

# terminal COMMAND: runs it at a terminal of its own, away from the user's settings; stop_terminal ends both.
terminal() {
	env -u TMUX -u DBUS_SESSION_BUS_ADDRESS HOME="$work" XDG_CONFIG_HOME="$work/.config" XDG_CACHE_HOME="$work/.cache" XDG_DATA_HOME="$work/.local" \
		XDG_RUNTIME_DIR="$work" TERM=xterm EDITOR=true tmux -S "$work/tmux" -f /dev/null new-session -d -s "$client" -x 120 -y 40 "$1"
}
stop_terminal() { tmux -S "$work/tmux" kill-server 2>/dev/null; }
keys() { tmux -S "$work/tmux" send-keys -t "$client" "$@"; }
screen() { tmux -S "$work/tmux" capture-pane -p -t "$client"; }
# shows EXTENDED-REGEXP: waits until a line of the screen matches it.
shows() {
	for _ in $(seq 600); do screen 2>/dev/null | grep -Eq -- "$1" && return; sleep 0.2; done
	screen | grep .
	return 1
}
# ended: waits until the program has left its terminal.
ended() {
	for _ in $(seq 300); do tmux -S "$work/tmux" has-session -t "$client" 2>/dev/null || return 0; sleep 0.2; done
	screen | grep .
	return 1
}

# folders_of SUBJECT: waits until a message that was sent is in the inbox and in Sent Items; prints every folder that has it.
folders_of() {
	local found
	for _ in $(seq 90); do
		found=$(imap tree | awk -F '\t' -v s="$1" 'index($2, s) {print $1}' | sort | paste -sd ,)
		case $found in *INBOX*Sent*) break ;; esac
		sleep 1
	done
	printf '%s\n' "$found"
}

# attached FILE: the sums of the files in a message.
attached() {
	python3 -c '
import email, hashlib, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"))
print(*[hashlib.sha256(p.get_payload(decode=True)).hexdigest() for p in m.walk() if p.get_filename()])' "$1"
}
sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }

# recipients MESSAGE-ID: who got it from the simulated service, sorted, a line for each time.
recipients() { (cd "$clients" && python3 -c 'import simulator, sys; print(*sorted(a for to, _ in simulator.deliveries(sys.argv[1]) for a in to), sep="\n")' "$1"); }
# large yes|no: whether the simulated service takes messages of any size.
large() { (cd "$clients" && python3 -c 'import simulator, sys; simulator.limits(**dict(zip(("MessageSize", "UploadBytes"), (-1, -1) if sys.argv[1] == "yes" else (0, 0))))' "$1"); }

# body FILE: what follows the first empty line, without CR, so that copies can be compared.
body() { tr -d '\r' <"$1" | sed '1,/^$/d' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }

finish() {
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}
