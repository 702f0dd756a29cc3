#!/usr/bin/env bash
# Roundcube's framework, without its web pages: its IMAP and SMTP clients as the webmail calls them, with the message
# cache in a database, which it brings up to date by QRESYNC.
. "$(dirname "$0")/lib.sh"

# It wants a web server and a database, so it is unpacked, not installed.
(cd "$work" && apt-get download -q roundcube-core >/dev/null 2>&1)
check "roundcube unpacks" dpkg -x "$work"/roundcube-core_*.deb "$work/unpacked" || finish
imap create "$folder" && imap create "$folder/Größe & mehr"
for i in 1 2 3 4; do letter "$work/letter$i" "roundcube $i" >/dev/null && imap append "$folder" "$work/letter$i"; done
mkdir "$work/config" "$work/logs"
cp "$work/unpacked/etc/roundcube/defaults.inc.php" "$work/config/"
cat >"$work/config/config.inc.php" <<EOF
<?php
\$config['db_dsnw'] = 'sqlite:///$work/cache.db?mode=0600';
\$config['imap_cache'] = \$config['messages_cache'] = 'db';
\$config['imap_debug'] = true;
\$config['log_dir'] = '$work/logs/';
\$config['temp_dir'] = '$work';
\$config['smtp_host'] = '$SMTP_HOST:$SMTP_PORT';
\$config['smtp_user'] = '$MAIL_USER';
\$config['smtp_pass'] = '$MAIL_PASSWORD';
\$config['smtp_auth_type'] = null;
EOF
cat >"$work/session.php" <<'EOF'
<?php
error_reporting(E_ALL & ~E_DEPRECATED & ~E_NOTICE & ~E_WARNING);
[, $dir, $name, $part] = $argv;
$_SERVER['REQUEST_URI'] = '';
$root = "$dir/unpacked/usr/share/roundcube/";
define('RCUBE_INSTALL_PATH', $root);
define('RCUBE_CONFIG_DIR', "$dir/config/");
define('RCUBE_LIB_DIR', $root . 'program/lib/Roundcube/');
define('RCUBE_LOCALIZATION_DIR', $root . 'program/localization/');
require RCUBE_LIB_DIR . 'bootstrap.php';
function say(string $name, bool $ok, mixed $detail = ''): void {
	echo $ok ? 'PASS' : 'FAIL', " roundcube: $name\n", $ok ? '' : '    ' . json_encode($detail, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_UNICODE) . "\n";
}
function utf7(string $name): string { return rcube_charset::convert($name, RCUBE_CHARSET, 'UTF7-IMAP'); }
function numbers(array $uids): array { return array_values(array_map('intval', $uids)); }
if (!file_exists("$dir/cache.db")) {
	$db = new PDO("sqlite:$dir/cache.db");
	$db->exec(file_get_contents($root . 'SQL/sqlite.initial.sql'));
	$db->exec("INSERT INTO users (user_id, username, mail_host, created) VALUES (1, 'demo', 'localhost', '2026-01-01')");
}
$rc = rcube::get_instance(rcube::INIT_WITH_DB);
$rc->user = new rcube_user(1);
// Each click in the webmail is a process and a connection of its own: only the database outlives it.
function click(?string $password = null): bool {
	if (isset($GLOBALS['c'])) $GLOBALS['c']->close();
	$GLOBALS['rc']->storage = null;
	$GLOBALS['c'] = $c = $GLOBALS['rc']->get_storage();
	$c->set_options(['timeout' => 60, 'skip_deleted' => false]);
	$c->set_pagesize(50);
	$c->set_messages_caching(true);
	return $c->connect(getenv('IMAP_HOST'), getenv('MAIL_USER'), $password ?? getenv('MAIL_PASSWORD'), getenv('IMAP_PORT'), null);
}
$sub = utf7("$name/Größe & mehr");
// What the list of messages shows: {UID: subject}, and the UIDs with a flag.
function listed(string $folder): array {
	$rows = [];
	foreach ($GLOBALS['c']->list_messages($folder, 1, 'arrival', 'ASC') as $h) $rows[(int) $h->uid] = $h->get('subject');
	ksort($rows);
	return $rows;
}
function having(string $flag, string $folder): array {
	$uids = [];
	foreach ($GLOBALS['c']->list_messages($folder, 1, 'arrival', 'ASC') as $h) if (isset($h->flags[$flag])) $uids[] = (int) $h->uid;
	sort($uids);
	return $uids;
}

if ($part === 'first') {
	say('wrong password', !click('wrong') && $c->get_error_code() !== 0, $c->get_error_str());
	say('connect', click(), $c->get_error_str());
	say('the tree', in_array($sub, $c->list_folders()) && count($c->list_folders('', '*')) > 20, $c->list_folders());
	say('what is subscribed', in_array('INBOX', $c->list_folders_subscribed()), $c->list_folders_subscribed());
	say('special folders', $c->get_special_folders(true) == ['drafts' => 'Drafts', 'sent' => 'Sent Items', 'junk' => 'Junk Email', 'trash' => 'Deleted Items'], $c->get_special_folders(true));
	$c->set_folder('INBOX');
	say('a page of the inbox', count($c->list_messages('INBOX', 1, 'date', 'DESC')) === 50);
	$c->set_threading(true);
	say('threads of it', count($c->list_messages('INBOX', 1, 'date', 'DESC')) >= 50 && $c->count('INBOX', 'THREADS') < $c->count('INBOX', 'ALL'), [$c->count('INBOX', 'THREADS'), $c->count('INBOX', 'ALL')]);
	$c->set_threading(false);
	$odd = [];
	foreach (array_slice($c->index('INBOX', 'arrival', 'ASC')->get(), -50) as $uid) {
		$m = new rcube_message($uid, 'INBOX');
		if (!$m->headers || !$m->mime_parts) $odd[] = [$uid, $m->subject];
		foreach ($m->mime_parts ?? [] as $p)
			if ($p->size && !str_starts_with($p->mimetype, 'multipart/') && (string) $m->get_part_body($p->mime_id) === '') $odd[] = [$uid, $p->mime_id, $p->mimetype, $p->size];
	}
	say('every part of fifty messages', !$odd, $odd);
	$c->set_folder($name);
	say('the folder', array_values(listed($name)) === ['roundcube 1', 'roundcube 2', 'roundcube 3', 'roundcube 4'], listed($name));
	say('counts', [$c->count($name, 'ALL'), $c->count($name, 'UNSEEN', true)] === [4, 4]);
	[$one, $two, $three, $four] = $uids = array_keys(listed($name));
	$found = fn($criteria) => numbers($c->search_once($name, $criteria)->get());
	say('search', $found('HEADER SUBJECT "roundcube 3"') === [$three], $found('HEADER SUBJECT "roundcube 3"'));
	say('search beyond ASCII', $found('TEXT "Prüfung"') === $uids, $found('TEXT "Prüfung"'));
	$sorted = $c->search($name, 'TEXT "größer als"', RCUBE_CHARSET, 'subject')->get();
	say('search and sort', numbers($sorted) === $uids, $sorted);
	click();
	$c->set_folder($name);
	say('a message as it was', $c->get_raw_body($two) === file_get_contents("$dir/letter2"));
	say('its text', str_contains((new rcube_message($one, $name))->first_text_part(), 'größer als 7 Bit'), (new rcube_message($one, $name))->first_text_part());
	say('flags', $c->set_flag([$one, $two], 'SEEN', $name) && $c->set_flag($two, 'FLAGGED', $name) && having('SEEN', $name) === [$one, $two] && having('FLAGGED', $name) === [$two], $c->get_error_str());
	say('copy', $c->copy_message([$one], $sub, $name), $c->get_error_str());
	say('move', $c->move_message([$three], $sub, $name) && click() && array_keys(listed($name)) === [$one, $two, $four], listed($name));
	say('both are there', array_values(listed($sub)) === ['roundcube 1', 'roundcube 3'], listed($sub));
	$text = file_get_contents("$dir/letter1");
	$put = (int) $c->save_message($name, $text, '', false, ['SEEN'], '29-Feb-2024 12:00:00 +0000');
	say('append tells the UID', $put > $four && click() && having('SEEN', $name) === [$one, $two, $put], [$put, $c->get_error_str()]);
	say('the date is kept', $found('ON 29-Feb-2024') === [$put], $found('ON 29-Feb-2024'));
	say('folders', $c->create_folder(utf7("$name/Neu €"), true) && $c->rename_folder(utf7("$name/Neu €"), "$name/Old") && in_array("$name/Old", $c->list_folders_subscribed()) && $c->delete_folder("$name/Old"), $c->get_error_str());
	say('what the cache begins with', array_keys(listed($name)) === [$one, $two, $four, $put], listed($name));
} elseif ($part === 'second') {
	// Another program changes the folder meanwhile.
	$other = new rcube_imap_generic;
	$other->connect(getenv('IMAP_HOST'), getenv('MAIL_USER'), getenv('MAIL_PASSWORD'), ['port' => getenv('IMAP_PORT'), 'ssl_mode' => null, 'timeout' => 60]);
	[$one, $two, $four, $put] = numbers($other->search($name, 'ALL', true)->get());
	$text = file_get_contents("$dir/letter3");
	say('another session changes the folder', $other->flag($name, $one, 'FLAGGED') && $other->flag($name, $four, 'DELETED') && $other->expunge($name, $four) && $other->append($name, $text), $other->error);
	$other->closeConnection();
	say('connect again', click(), $c->get_error_str());
	$c->set_folder($name);
	$c->folder_sync($name);
	$now = listed($name);
	$last = array_key_last($now);
	say('the cache has what is new and not what is gone', $now === [$one => 'roundcube 1', $two => 'roundcube 2', $put => 'roundcube 1', $last => 'roundcube 3'] && $last > $put, $now);
	say('and the new flag', having('FLAGGED', $name) === [$one, $two], having('FLAGGED', $name));
	say('clear', $c->clear_folder($sub) && $c->count($sub, 'ALL', true) === 0, $c->get_error_str());
	say('delete', $c->delete_message([$put], $name) && click() && array_keys(listed($name)) === [$one, $two, $last], listed($name));
	$smtp = new rcube_smtp;
	say('SMTP connects', $smtp->connect(), $smtp->get_response());
	$user = getenv('MAIL_USER');
	$headers = implode("\r\n", ["From: =?UTF-8?Q?D=C3=A4mo?= <$user>", "To: $user", 'Subject: roundcube sends', "Message-ID: <$argv[4]>", 'Date: ' . date('r'),
		'MIME-Version: 1.0', 'Content-Type: text/plain; charset=UTF-8', 'Content-Transfer-Encoding: 8bit']);
	$body = "Grüße\r\n.\r\nEnde\r\n";
	say('and sends', $smtp->send_mail($user, [$user, 'hidden@example.com'], $headers, $body, ['dsn' => true]), [$smtp->get_error(), $smtp->get_response()]);
	$smtp->disconnect();
}
$c->close();
say("$part session ends", true);
EOF
session() { # PART ARGUMENTS
	local out
	out=$(cd "$work" && timeout 240 php -d display_errors=stderr session.php "$work" "$folder" "$@" 2>&1)
	printf '%s\n' "$out" | cut -c 1-2000
	passed=$((passed + $(grep -c '^PASS' <<<"$out"))) failed=$((failed + $(grep -c '^FAIL' <<<"$out")))
	grep -q "^PASS roundcube: $1 session ends" <<<"$out" || fail "$1 session breaks off" "$(tail -n 3 "$work/logs/errors.log")"
}
session first
: >"$work/logs/imap.log"
id=roundcube.$RANDOM.$(date +%s%N)@example.com
session second "$id"
trace=$(cat "$work/logs/imap.log")
matches "it enables QRESYNC" "$trace" 'S: \* ENABLED .*QRESYNC'
matches "asks what vanished" "$trace" 'C: A[0-9]+ UID FETCH .*CHANGEDSINCE [0-9]+ VANISHED'
matches "and is told" "$trace" 'S: \* VANISHED \(EARLIER\) [0-9]+'
lacks "no command is bad" "$trace" 'S: (\*|A[0-9]+) BAD'
check "its letter arrives" imap wait INBOX "<$id>"
matches "with its text" "$(imap body INBOX "<$id>" | tr -d '\r' | tail -n 3 | paste -sd '|')" '^Grüße\|\.\|Ende$'
imap delete "$folder/Größe & mehr"
finish
