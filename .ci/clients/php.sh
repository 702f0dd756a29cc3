#!/usr/bin/env bash
# PHP's imap extension (the c-client library, as alpine has it) and what webmail and ticket systems do with it.
. "$(dirname "$0")/lib.sh"

imap create "$folder" && imap create "$folder/Größe"
for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "php $i") && imap append "$folder" "$work/letter$i"; done
cat >"$work/session.php" <<'EOF'
<?php
[, $folder, $dir] = $argv;
$server = sprintf('{%s:%s/imap/notls/norsh}', getenv('IMAP_HOST'), getenv('IMAP_PORT'));
function mutf7(string $name): string { return iconv('UTF-8', 'UTF-7-IMAP', $name); }
function say(string $name, bool $ok, mixed $detail = ''): void {
	echo $ok ? 'PASS' : 'FAIL', " php: $name\n", $ok ? '' : '    ' . json_encode($detail, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_UNICODE) . json_encode(imap_errors()) . "\n";
}
$open = fn(string $name, string $password = null) => @imap_open($server . mutf7($name), getenv('MAIL_USER'), $password ?? getenv('MAIL_PASSWORD'), 0, 1);

$c = $open($folder);
say('open', $c !== false);
$names = imap_list($c, $server, '*');
say('the tree', in_array($server . mutf7("$folder/Größe"), $names) && count($names) > 20, $names);
$status = imap_status($c, $server . 'INBOX', SA_ALL);
say('STATUS', $status && $status->messages > 100 && $status->uidnext > 100 && $status->uidvalidity > 0, $status);
$check = imap_check($c);
say('CHECK', $check->Nmsgs === 4, $check);
$list = imap_fetch_overview($c, '1:*');
say('overview', array_map(fn($o) => $o->subject, $list) === ['php 1', 'php 2', 'php 3', 'php 4'] && $list[0]->seen === 0 && $list[0]->size === filesize("$dir/letter1"), $list);
say('search by flag', imap_search($c, 'UNSEEN') === [1, 2, 3, 4], imap_search($c, 'UNSEEN'));
say('search beyond ASCII', imap_search($c, 'TEXT "Prüfung"', SE_UID, 'UTF-8') == [1, 2, 3, 4], imap_search($c, 'TEXT "Prüfung"', SE_UID, 'UTF-8'));
say('search by subject', imap_search($c, 'SUBJECT "php 3"', SE_UID) == [3]);
say('sort', imap_sort($c, SORTSUBJECT, true, SE_UID) === [4, 3, 2, 1], imap_sort($c, SORTSUBJECT, true, SE_UID));
say('thread', count(imap_thread($c)) > 0);
$s = imap_fetchstructure($c, 2, 0);
say('structure', $s->type === TYPETEXT && $s->subtype === 'PLAIN' && $s->encoding === ENC8BIT, $s);
say('header and body are the message', imap_fetchheader($c, 2) . imap_body($c, 2, FT_PEEK) === file_get_contents("$dir/letter2"));
say('a part', imap_fetchbody($c, 2, '1', FT_PEEK) === imap_body($c, 2, FT_PEEK));
$h = imap_headerinfo($c, 2);
say('header fields', $h->from[0]->mailbox . '@' . $h->from[0]->host === getenv('MAIL_USER') && ($h->Unseen === 'U' || $h->Recent === 'N'), $h);
imap_body($c, 1);
say('reading marks', imap_search($c, 'UNSEEN') === [2, 3, 4], imap_search($c, 'UNSEEN'));
say('set flags', imap_setflag_full($c, '2,3', '\\Flagged \\Answered') && imap_search($c, 'FLAGGED ANSWERED') === [2, 3]);
say('clear flags', imap_clearflag_full($c, '3', '\\Flagged') && imap_search($c, 'FLAGGED') === [2]);
say('copy', imap_mail_copy($c, '2', mutf7("$folder/Größe")));
say('move', imap_mail_move($c, '3', mutf7("$folder/Größe")) && imap_expunge($c) && imap_num_msg($c) === 3, imap_num_msg($c));
say('delete', imap_delete($c, (string) imap_uid($c, 3), FT_UID) && imap_expunge($c) && imap_num_msg($c) === 2, imap_num_msg($c));
say('append', imap_append($c, $server . mutf7($folder), file_get_contents("$dir/letter1"), '\\Seen', '29-Feb-2024 12:00:00 +0000') && imap_ping($c) && imap_num_msg($c) === 3, imap_num_msg($c));
$o = imap_fetch_overview($c, '3')[0];
say('with flag and date', $o->seen === 1 && $o->udate > 0 && imap_search($c, 'ON 29-Feb-2024') === [3], [$o, imap_search($c, 'ON 29-Feb-2024')]);
say('folders', imap_createmailbox($c, $server . mutf7("$folder/Neu €")) && imap_renamemailbox($c, $server . mutf7("$folder/Neu €"), $server . "$folder/Old") && imap_deletemailbox($c, $server . "$folder/Old"));
say('reopen', imap_reopen($c, $server . mutf7("$folder/Größe")) && imap_num_msg($c) === 2 && imap_check($c)->Nmsgs === 2, imap_num_msg($c));
imap_reopen($c, $server . 'INBOX');
$odd = [];
for ($n = 1; $n <= min(60, imap_num_msg($c)); $n++) {
	$walk = function ($s, $at) use (&$walk, &$odd, $c, $n): void {
		foreach ($s->parts ?? [] as $i => $p) {
			$part = $at === '' ? (string) ($i + 1) : $at . '.' . ($i + 1);
			if ($p->type === TYPEMULTIPART || $p->type === TYPEMESSAGE) $walk($p->type === TYPEMESSAGE && isset($p->parts[0]) ? $p->parts[0] : $p, $part);
			elseif (strlen(imap_fetchbody($c, $n, $part, FT_PEEK)) !== ($p->bytes ?? 0)) $odd[] = [$n, $part, $p->bytes ?? 0];
		}
	};
	$walk(imap_fetchstructure($c, $n), '');
}
say('each part of sixty messages is as long as its structure says', $odd === [], $odd);
$errors = array_filter(imap_errors() ?: [], fn($e) => !str_contains($e, 'insecure server advertised')); // it is on localhost
say('nothing it complained about', $errors === [], $errors);
say('a missing folder', $open('No such folder') !== false && preg_match('/not|exist/i', (string) imap_last_error()) === 1, imap_last_error());
imap_errors();
say('wrong password', $open($folder, 'wrong') === false && str_contains(implode(' ', imap_errors() ?: []), 'password'), '');
EOF
session() { (cd "$work" && timeout 240 php -d display_errors=stderr session.php "$folder" "$work" 2>&1); }
out=$(session)
printf '%s\n' "$out" | cut -c 1-2000
passed=$((passed + $(grep -c '^PASS' <<<"$out"))) failed=$((failed + $(grep -c '^FAIL' <<<"$out")))
matches "the session comes to its end" "$out" ' php: wrong password$'
imap delete "$folder/Größe"
finish
