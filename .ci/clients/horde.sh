#!/usr/bin/env bash
# Horde's IMAP client, which Nextcloud Mail and Horde's own webmail are built on: UTF8=ACCEPT, LIST-STATUS, ESEARCH, BINARY,
# and a cache that QRESYNC keeps up to date.
. "$(dirname "$0")/lib.sh"

imap create "$folder" && imap create "$folder/Größe & mehr"
for i in 1 2 3 4; do letter "$work/letter$i" "horde $i" >/dev/null && imap append "$folder" "$work/letter$i"; done
cat >"$work/session.php" <<'EOF'
<?php
error_reporting(E_ALL & ~E_DEPRECATED & ~E_NOTICE & ~E_WARNING);
use Horde_Imap_Client as Imap;
use Horde_Imap_Client_Ids as Ids;
use Horde_Imap_Client_Fetch_Query as Fetch;
use Horde_Imap_Client_Search_Query as Search;
spl_autoload_register(function (string $class): void {
	$file = str_replace(['_', '\\'], '/', $class) . '.php';
	if (stream_resolve_include_path($file)) require_once $file;
});
[, $dir, $name, $part] = $argv;
function say(string $name, bool $ok, mixed $detail = ''): void {
	echo $ok ? 'PASS' : 'FAIL', " horde: $name\n", $ok ? '' : '    ' . json_encode($detail, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_UNICODE) . "\n";
}
// What Nextcloud keeps in its database is in a file here.
class FileCache extends Horde_Imap_Client_Cache_Backend {
	private array $all = [];
	private string $file;
	protected function _initOb() {
		$this->file = $GLOBALS['dir'] . '/cache';
		$this->all = is_file($this->file) ? unserialize(file_get_contents($this->file)) : [];
	}
	private function of(string $mailbox, $valid): array {
		$box = $this->all[$mailbox] ?? ['meta' => ['uidvalid' => $valid], 'rows' => []];
		return $valid && $box['meta']['uidvalid'] != $valid ? ['meta' => ['uidvalid' => $valid], 'rows' => []] : $box;
	}
	private function keep(string $mailbox, array $box): void {
		$this->all[$mailbox] = $box;
		file_put_contents($this->file, serialize($this->all));
	}
	public function get($mailbox, $uids, $fields, $uidvalid) { return array_intersect_key($this->of($mailbox, $uidvalid)['rows'], array_flip($uids)); }
	public function getCachedUids($mailbox, $uidvalid) { return array_keys($this->of($mailbox, $uidvalid)['rows']); }
	public function set($mailbox, $data, $uidvalid) {
		$box = $this->of($mailbox, $uidvalid);
		foreach ($data as $uid => $fields) $box['rows'][$uid] = array_merge($box['rows'][$uid] ?? [], $fields);
		$this->keep($mailbox, $box);
	}
	public function getMetaData($mailbox, $uidvalid, $entries) {
		$meta = $this->of($mailbox, $uidvalid)['meta'];
		return empty($entries) ? $meta : array_intersect_key($meta, array_flip($entries) + ['uidvalid' => 1]);
	}
	public function setMetaData($mailbox, $data) {
		$box = $this->of($mailbox, $data['uidvalid'] ?? null);
		$box['meta'] = array_merge($box['meta'], $data);
		$this->keep($mailbox, $box);
	}
	public function deleteMsgs($mailbox, $uids) {
		$box = $this->of($mailbox, null);
		$box['rows'] = array_diff_key($box['rows'], array_flip($uids));
		$this->keep($mailbox, $box);
	}
	public function deleteMailbox($mailbox) { $this->keep($mailbox, ['meta' => ['uidvalid' => 0], 'rows' => []]); }
	public function clear($lifetime) { $this->all = []; }
}
function client(?string $password = null, bool $cached = true): Horde_Imap_Client_Socket {
	return new Horde_Imap_Client_Socket([
		'hostspec' => getenv('IMAP_HOST'), 'port' => (int) getenv('IMAP_PORT'), 'secure' => false, 'timeout' => 60,
		'username' => getenv('MAIL_USER'), 'password' => $password ?? getenv('MAIL_PASSWORD'),
		'debug' => $GLOBALS['dir'] . '/' . $GLOBALS['part'] . ($cached ? '' : '.other') . '.log',
	] + ($cached ? ['cache' => ['backend' => new FileCache]] : []));
}
$refused = function (callable $f): string { try { $f(); } catch (Horde_Imap_Client_Exception $e) { return $e->getCode() . ' ' . $e->getMessage(); } return ''; };
$uids = fn($c, $folder, $query = null, $options = []) => $c->search($folder, $query, $options)['match']->ids;
$subjects = function ($c, $folder): array {
	$q = new Fetch;
	$q->envelope(); $q->flags();
	$all = [];
	foreach ($c->fetch($folder, $q) as $uid => $m) $all[$uid] = $m->getEnvelope()->subject;
	return $all;
};
$flagged = function ($c, $folder, $flag): array {
	$q = new Fetch;
	$q->flags();
	$all = [];
	foreach ($c->fetch($folder, $q) as $uid => $m) if (in_array(strtolower($flag), array_map('strtolower', $m->getFlags()))) $all[] = $uid;
	return $all;
};
$text = function (string $words, bool $header = false): Search { $q = new Search; $q->charset('UTF-8', false); $header ? $q->headerText('subject', $words) : $q->text($words); return $q; };
$sub = "$name/Größe & mehr";
try {
	$c = client();
	$c->login();
	$names = fn($pattern, $which = Imap::MBOX_ALL) => array_map('strval', array_values($c->listMailboxes($pattern, $which, ['flat' => true])));
	if ($part === 'first') {
		$why = $refused(fn() => client('wrong')->login());
		say('wrong password', str_starts_with($why, Horde_Imap_Client_Exception::LOGIN_AUTHENTICATIONFAILED . ' '), $why);
		say('ID', ($c->getID()['name'] ?? '') !== '', $c->getID());
		say('namespaces', count($c->getNamespaces()) === 1, '');
		$tree = $c->listMailboxes('*', Imap::MBOX_ALL, ['attributes' => true, 'children' => true, 'delimiter' => true, 'special_use' => true, 'status' => Imap::STATUS_MESSAGES | Imap::STATUS_UNSEEN | Imap::STATUS_UIDNEXT | Imap::STATUS_HIGHESTMODSEQ]);
		say('the tree with its counts', count($tree) > 20 && ($tree[$name]['status']['messages'] ?? 0) == 4 && isset($tree[$sub]) && in_array('\\sent', array_map('strtolower', $tree['Sent Items']['attributes'])), array_keys($tree));
		say('what is subscribed', in_array('INBOX', $names('*', Imap::MBOX_SUBSCRIBED)), '');
		say('one by name', $names([$name, 'INBOX']) == ['INBOX', $name], $names([$name, 'INBOX']));

		$q = new Fetch;
		$q->envelope(); $q->flags(); $q->imapDate(); $q->size(); $q->structure(); $q->uid(); $q->modseq();
		$q->headers('more', ['references', 'list-id', 'x-priority'], ['peek' => true, 'cache' => true]);
		$q->headerText(['peek' => true]);
		$all = $c->fetch('INBOX', $q, ['ids' => new Ids($uids($c, 'INBOX'))]);
		$odd = [];
		foreach ($all as $uid => $m)
			if (!$m->getSize() || !$m->getImapDate() || !$m->getStructure()->getType() || $m->getHeaderText() === '' || !$m->getModSeq()) $odd[] = $uid;
		say('envelope, structure and header of the whole inbox', count($all) > 100 && !$odd, [count($all), $odd]);
		$odd = [];
		foreach (array_slice(iterator_to_array($all), -40, null, true) as $uid => $m) {
			$q = new Fetch;
			$parts = array_filter($m->getStructure()->contentTypeMap(), fn($type, $id) => !str_starts_with($type, 'multipart/') && !str_starts_with($type, 'message/rfc822') && (string) $id !== '0', ARRAY_FILTER_USE_BOTH);
			foreach ($parts as $id => $_) { $q->bodyPart($id, ['peek' => true, 'decode' => true]); $q->mimeHeader($id, ['peek' => true]); $q->bodyPartSize($id); }
			if (!$parts) { $odd[] = [$uid, 'no part']; continue; }
			$got = $c->fetch('INBOX', $q, ['ids' => new Ids([$uid])])->first();
			foreach ($parts as $id => $_) if ((string) $got->getBodyPart($id) === '' && $m->getStructure()->getPart($id)->getBytes() > 0) $odd[] = [$uid, $id];
		}
		say('every part of forty messages, decoded by the server', !$odd, $odd);

		say('the folder', array_values($subjects($c, $name)) === ['horde 1', 'horde 2', 'horde 3', 'horde 4'], $subjects($c, $name));
		[$one, $two, $three, $four] = $four_of = array_keys($subjects($c, $name));
		say('search', $uids($c, $name, $text('horde 3', true)) === [$three], $uids($c, $name, $text('horde 3', true)));
		say('search beyond ASCII', $uids($c, $name, $text('Prüfung')) === $four_of, $uids($c, $name, $text('Prüfung')));
		$back = $c->search($name, null, ['sort' => [Imap::SORT_REVERSE, Imap::SORT_SUBJECT], 'results' => [Imap::SEARCH_RESULTS_MATCH, Imap::SEARCH_RESULTS_COUNT, Imap::SEARCH_RESULTS_MIN]]);
		say('sort and count', $back['match']->ids === array_reverse($four_of) && $back['count'] == 4, [$back['match']->ids, $back['count']]);
		say('thread', count($c->thread($name, ['criteria' => Imap::THREAD_REFERENCES])->messageList()->ids) === 4, '');
		$q = new Fetch;
		$q->fullText(['peek' => true]);
		say('a message as it was', $c->fetch($name, $q, ['ids' => new Ids([$two])])->first()->getFullMsg() === file_get_contents("$dir/letter2"), '');
		$q = new Fetch;
		$q->fullText(['peek' => true, 'start' => 100, 'length' => 50]);
		say('a piece of it', $c->fetch($name, $q, ['ids' => new Ids([$two])])->first()->getFullMsg() === substr(file_get_contents("$dir/letter2"), 100, 50), '');
		$before = $c->getSyncToken($name);
		say('flags', count($c->store($name, ['add' => ['\\Seen', '$label1'], 'ids' => new Ids([$one, $two])])) === 0 && $flagged($c, $name, '$label1') === [$one, $two], $flagged($c, $name, '$label1'));
		say('not what another changed since', $c->store($name, ['add' => ['\\Flagged'], 'ids' => new Ids([$one, $four]), 'unchangedsince' => $c->status($name, Imap::STATUS_HIGHESTMODSEQ)['highestmodseq'] - 1])->ids !== [], '');
		$map = $c->copy($name, $sub, ['ids' => new Ids([$one]), 'force_map' => true]);
		say('copy tells the UID', array_keys($map) === [$one], $map);
		$map = $c->copy($name, $sub, ['ids' => new Ids([$three]), 'move' => true, 'force_map' => true]);
		say('move tells the UID', array_keys($map) === [$three] && array_keys($subjects($c, $name)) === [$one, $two, $four], [$map, $subjects($c, $name)]);
		$put = $c->append($name, [['data' => file_get_contents("$dir/letter1"), 'flags' => ['\\Seen'], 'internaldate' => new DateTime('2024-02-29 12:00:00 UTC')], ['data' => fopen("$dir/letter3", 'rb')]])->ids;
		$q = new Search;
		$q->dateSearch(new DateTime('2024-02-29'), Search::DATE_ON, false);
		say('append two tells their UIDs', count($put) === 2 && $put[0] > $four && $uids($c, $name, $q) === [$put[0]], [$put, $uids($c, $name, $q)]);
		$sync = $c->sync($name, $before);
		sort($put);
		say('what the token says', $sync->vanisheduids->ids === [$three] && $sync->newmsgsuids->ids === $put && array_intersect([$one, $two], $sync->flagsuids->ids) === [$one, $two], [$sync->vanisheduids->ids, $sync->newmsgsuids->ids, $sync->flagsuids->ids]);
		$c->createMailbox("$name/Neu €");
		$c->renameMailbox("$name/Neu €", "$name/Alt ©");
		say('rename', in_array("$name/Alt ©", $names("$name/*")), $names("$name/*"));
		$c->deleteMailbox("$name/Alt ©");
		$why = $refused(fn() => $c->openMailbox("$name/Alt ©", Imap::OPEN_READWRITE));
		say('a missing folder', $why !== '', $why);
		say('what the cache begins with', count($subjects($c, $name)) === 5, $subjects($c, $name));
	} else {
		$other = client(null, false);
		[$one, $two, $four, $put, $last] = $uids($other, $name);
		$other->store($name, ['add' => ['\\Flagged'], 'ids' => new Ids([$one])]);
		$other->store($name, ['add' => ['\\Deleted'], 'ids' => new Ids([$four])]);
		$other->expunge($name, ['ids' => new Ids([$four])]);
		say('another session changes the folder', $uids($other, $name) === [$one, $two, $put, $last], $uids($other, $name));
		$new = $other->append($name, [['data' => file_get_contents("$dir/letter2")]])->ids;
		$other->logout();
		$c->openMailbox($name, Imap::OPEN_READWRITE);
		$kept = (new FileCache)->getCachedUids($name, null);
		say('opening takes what vanished out of the cache', $kept === [$one, $two, $put, $last], $kept);
		say('the folder as it is now', $subjects($c, $name) === [$one => 'horde 1', $two => 'horde 2', $put => 'horde 1', $last => 'horde 3', $new[0] => 'horde 2'], $subjects($c, $name));
		say('with the new flag', in_array($one, $flagged($c, $name, '\\flagged')), $flagged($c, $name, '\\flagged'));
		$gone = $c->vanished($name, 1, ['ids' => new Ids(range($one, $four))])->ids;
		say('all that ever vanished', in_array($four, $gone), $gone);
		$c->store($name, ['add' => ['\\Deleted'], 'ids' => new Ids([$two, $put])]);
		say('expunge', count($c->expunge($name, ['list' => true])) === 2 && array_keys($subjects($c, $name)) === [$one, $last, $new[0]], $subjects($c, $name));
		$c->deleteMailbox($sub);
	}
	$c->logout();
	say("$part session ends", true);
} catch (Throwable $e) {
	say("$part session comes to its end", false, get_class($e) . ': ' . $e->getMessage() . ' ' . ($e->details ?? '') . ' ' . $e->getTraceAsString());
}
EOF
session() {
	local out
	out=$(cd "$work" && timeout 240 php -d display_errors=stderr session.php "$work" "$folder" "$@" 2>&1)
	printf '%s\n' "$out" | cut -c 1-2000
	passed=$((passed + $(grep -c '^PASS' <<<"$out"))) failed=$((failed + $(grep -c '^FAIL' <<<"$out")))
	grep -q "^PASS horde: $1 session ends" <<<"$out" || fail "$1 session breaks off"
}
session first
session second
trace=$(cat "$work/second.log")
matches "it enables QRESYNC and UTF8=ACCEPT" "$trace" 'C: [0-9]+ ENABLE QRESYNC UTF8=ACCEPT'
matches "selects with what it knows" "$trace" 'C: [0-9]+ SELECT .*\(QRESYNC \([0-9]+ [0-9]+'
matches "and is told what vanished" "$trace" 'S: \* VANISHED \(EARLIER\) [0-9]+'
lacks "no command is bad" "$(cat "$work"/*.log)" 'S: (\*|[0-9]+) BAD'
imap delete "$folder/Größe & mehr" >/dev/null 2>&1
finish
