#!/usr/bin/env bash
# imapflow, node-imap and nodemailer, which most of what runs on Node.js is built upon.
. "$(dirname "$0")/lib.sh"

check "npm installs them" npm install --prefix "$work" --silent --no-audit --no-fund imapflow imap nodemailer || finish
imap create "$folder" && imap create "$folder/Erledigt – größer"
for i in 1 2 3 4; do letter "$work/letter$i" "node $i größer" >/dev/null && imap append "$folder" "$work/letter$i"; done

cat >"$work/imapflow.js" <<'EOF'
const { ImapFlow } = require('imapflow'), fs = require('fs'), [, , folder, dir] = process.argv, e = process.env;
const say = (name, ok, detail) => console.log(`${ok ? 'PASS' : 'FAIL'} imapflow: ${name}`, ok ? '' : JSON.stringify(detail));
(async () => {
	const c = new ImapFlow({ host: e.IMAP_HOST, port: +e.IMAP_PORT, secure: false, doSTARTTLS: false, logger: false, qresync: true, auth: { user: e.MAIL_USER, pass: e.MAIL_PASSWORD } });
	const events = { exists: 0, expunge: 0, flags: 0 };
	for (const k of Object.keys(events)) c.on(k, () => events[k]++);
	await c.connect();
	const list = await c.list({ statusQuery: { messages: true, unseen: true, uidNext: true } });
	say('the tree with its counts', list.length > 20 && list.some(f => f.path === folder && f.status && f.status.messages === 4), list.map(f => [f.path, f.status]));
	say('special folders', ['\\Inbox', '\\Sent', '\\Drafts', '\\Trash', '\\Junk'].every(u => list.some(f => f.specialUse === u)), list.map(f => f.specialUse));
	let lock = await c.getMailboxLock('INBOX');
	let n = 0, odd = [];
	for await (const m of c.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, size: true, internalDate: true, headers: ['message-id'] })) {
		n++;
		if (!m.uid || !m.bodyStructure || !m.bodyStructure.type || !m.envelope || !m.size || isNaN(new Date(m.internalDate))) odd.push(m);
	}
	say('envelope and structure of the whole inbox', n === c.mailbox.exists && n > 0 && !odd.length, [n, c.mailbox.exists, odd]);
	const last = await c.fetchOne('*', { source: true });
	const d = await c.download('*');
	const parts = []; for await (const p of d.content) parts.push(p);
	say('download in pieces is the source', Buffer.concat(parts).equals(last.source), [d.meta, last.source.length]);
	lock.release();

	lock = await c.getMailboxLock(folder);
	const hits = await c.search({ subject: 'größer' }, { uid: true });
	say('search beyond ASCII', hits.length === 4, hits);
	say('search in bodies', (await c.search({ body: 'Prüfung' }, { uid: true })).length === 4, '');
	say('set flags', await c.messageFlagsAdd(`${hits[0]}`, ['\\Flagged', '$Label1'], { uid: true }), '');
	const got = await c.fetchOne(`${hits[0]}`, { flags: true }, { uid: true });
	say('they are set', got.flags.has('\\Flagged') && got.flags.has('$Label1'), [...got.flags]);
	const copied = await c.messageCopy(`${hits[0]}`, folder + '/Erledigt – größer', { uid: true });
	say('copy tells the new UID', copied && copied.uidMap && copied.uidMap.has(hits[0]), copied && [...copied.uidMap]);
	const moved = await c.messageMove(`${hits[1]}:${hits[2]}`, folder + '/Erledigt – größer', { uid: true });
	say('move tells the new UIDs', moved && moved.uidMap && moved.uidMap.size === 2, moved && [...(moved.uidMap || [])]);
	say('what moved is gone here', c.mailbox.exists === 2 && events.expunge === 2, [c.mailbox.exists, events]);
	say('delete', await c.messageDelete(`${hits[3]}`, { uid: true }) && c.mailbox.exists === 1, c.mailbox.exists);
	const text = fs.readFileSync(dir + '/letter1');
	const put = await c.append(folder, text, ['\\Seen'], new Date('2024-02-29T12:00:00Z'));
	const back = await c.fetchOne(`${put.uid}`, { source: true, internalDate: true, flags: true }, { uid: true });
	say('append tells the UID', put.uid > 0 && back && back.flags.has('\\Seen') && +new Date(back.internalDate) === +new Date('2024-02-29T12:00:00Z'), [put, back]);
	say('append gives the same bytes back', back.source.equals(text), back.source.toString());
	const mod = c.mailbox.highestModseq;
	await c.messageFlagsAdd(`${hits[0]}`, ['\\Answered'], { uid: true });
	const changed = [];
	for await (const m of c.fetch('1:*', { flags: true }, { uid: true, changedSince: mod })) changed.push(m.uid);
	say('only what changed', changed.includes(hits[0]), [String(mod), changed]);
	const idle = c.idle();
	const other = new ImapFlow({ host: e.IMAP_HOST, port: +e.IMAP_PORT, secure: false, doSTARTTLS: false, logger: false, auth: { user: e.MAIL_USER, pass: e.MAIL_PASSWORD } });
	await other.connect();
	const before = events.exists;
	await other.append(folder, fs.readFileSync(dir + '/letter2'));
	for (let i = 0; i < 100 && events.exists === before; i++) await new Promise(r => setTimeout(r, 100));
	say('IDLE tells of new mail', events.exists > before, events);
	lock.release();

	// What happened while nobody looked, told by the SELECT itself (RFC 7162 section 3.2.5).
	const known = await other.status(folder, { uidValidity: true, highestModseq: true });
	await other.mailboxOpen(folder);
	await other.messageFlagsAdd(`${put.uid}`, ['$Late'], { uid: true });
	await other.messageDelete(`${hits[0]}`, { uid: true });
	const lines = [], told = { expunge: [], flags: [] }, note = o => o.src && lines.push(`${o.src}: ${o.msg}`), quiet = () => {};
	const again = new ImapFlow({ host: e.IMAP_HOST, port: +e.IMAP_PORT, secure: false, doSTARTTLS: false, qresync: true, logger: { trace: note, debug: note, info: quiet, warn: quiet, error: quiet }, auth: { user: e.MAIL_USER, pass: e.MAIL_PASSWORD } });
	for (const k of Object.keys(told)) again.on(k, x => told[k].push(x));
	await again.connect();
	const box = await again.mailboxOpen(folder, { uidValidity: known.uidValidity, changedSince: known.highestModseq });
	say('QRESYNC is enabled', again.enabled.has('QRESYNC') && lines.some(l => /^s: \* ENABLED .*QRESYNC/.test(l)), lines);
	say('SELECT asks by it', box.qresync === true && lines.some(l => /^c: \S+ SELECT .*\(QRESYNC \(\d+ \d+\)\)/.test(l)), lines);
	say('what vanished is told by UID', lines.some(l => l.startsWith(`s: * VANISHED (EARLIER) ${hits[0]}`)) && told.expunge.length === 1 && told.expunge[0].uid === hits[0] && told.expunge[0].earlier === true, [told.expunge, lines]);
	say('and so are flags that changed', told.flags.length === 1 && told.flags[0].uid === put.uid && told.flags[0].flags.has('$Late'), [told.flags, lines]);
	await again.logout();
	await other.logout();
	await c.mailboxRename(folder + '/Erledigt – größer', folder + '/Fertig & ab');
	say('rename', (await c.list()).some(f => f.path === folder + '/Fertig & ab'), '');
	await c.mailboxDelete(folder + '/Fertig & ab');
	await c.logout();
})().catch(err => say('comes to its end', false, [String(err.stack), err.responseText, err.executedCommand]));
EOF
cat >"$work/imap.js" <<'EOF'
const Imap = require('imap'), [, , folder, dir] = process.argv, e = process.env, fs = require('fs');
const say = (name, ok, detail) => console.log(`${ok ? 'PASS' : 'FAIL'} node-imap: ${name}`, ok ? '' : JSON.stringify(detail));
const c = new Imap({ user: e.MAIL_USER, password: e.MAIL_PASSWORD, host: e.IMAP_HOST, port: +e.IMAP_PORT, tls: false });
const call = (f, ...args) => new Promise((ok, no) => f.call(c, ...args, (err, x) => err ? no(err) : ok(x)));
const fetch = (what, how) => new Promise((ok, no) => {
	const all = [], f = c.fetch(what, how);
	f.on('message', m => {
		const got = { body: '' };
		all.push(got);
		m.on('body', s => s.on('data', d => got.body += d.toString('latin1')));
		m.once('attributes', a => got.attrs = a);
	});
	f.once('error', no);
	f.once('end', () => ok(all));
});
c.once('error', err => say('connection', false, String(err)));
c.once('ready', async () => {
	try {
		let box = await call(c.openBox, 'INBOX', true);
		const all = await fetch('1:*', { bodies: 'HEADER.FIELDS (FROM TO SUBJECT DATE)', struct: true, envelope: true, size: true });
		say('the whole inbox', all.length === box.messages.total && all.every(m => m.attrs && m.attrs.uid && m.attrs.struct.length && m.attrs.envelope), all.length);
		box = await call(c.openBox, folder, false);
		const hits = await call(c.search, ['UNSEEN', ['SUBJECT', 'größer']]);
		say('search beyond ASCII', hits.length >= 1, hits);
		const texts = await fetch(hits, { bodies: '' , markSeen: true });
		say('bodies', texts.length === hits.length && texts.every(m => m.body.endsWith('The end.\r\n')), texts);
		await call(c.addFlags, hits, ['\\Flagged']);
		await call(c.addKeywords, hits, 'Node');
		say('keyword and flag', (await call(c.search, ['FLAGGED', 'SEEN', ['KEYWORD', 'Node']])).length === hits.length, '');
		await call(c.append, fs.readFileSync(dir + '/letter3'), { mailbox: folder, flags: ['Seen'] });
		await call(c.addBox, folder + '/Ordner "ü" \\ &');
		await call(c.move, hits, folder + '/Ordner "ü" \\ &');
		say('move', (await call(c.search, [['KEYWORD', 'Node']])).length === 0, '');
		const rest = await call(c.search, ['ALL']);
		await call(c.addFlags, rest, '\\Deleted');
		await call(c.expunge, rest[0]);
		say('expunge one UID', (await call(c.search, ['ALL'])).length === rest.length - 1, rest);
		await call(c.closeBox, true);
		say('close expunges', (await call(c.openBox, folder)).messages.total === 0, '');
		await call(c.delBox, folder + '/Ordner "ü" \\ &');
	} catch (err) { say('comes to its end', false, String(err.stack)); }
	c.end();
});
c.connect();
EOF
cat >"$work/nodemailer.js" <<'EOF'
const nodemailer = require('nodemailer'), [, , dir, id] = process.argv, e = process.env, fs = require('fs');
const say = (name, ok, detail) => console.log(`${ok ? 'PASS' : 'FAIL'} nodemailer: ${name}`, ok ? '' : JSON.stringify(detail));
(async () => {
	const options = { host: e.SMTP_HOST, port: +e.SMTP_PORT, secure: false, ignoreTLS: true, auth: { user: e.MAIL_USER, pass: e.MAIL_PASSWORD } };
	const t = nodemailer.createTransport({ ...options, pool: true, maxConnections: 2 });
	say('verify', await t.verify(), '');
	const one = i => t.sendMail({
		from: `Demo Üser <${e.MAIL_USER}>`, to: e.MAIL_USER, bcc: 'hidden@example.com', subject: `nodemailer größer ${i}`, messageId: id.replace('N', i), text: 'Grüße ' + i, html: '<p>Grüße</p>',
		attachments: [{ filename: 'Größe.bin', content: fs.readFileSync(dir + '/random.bin') }],
	});
	const sent = await Promise.all([1, 2, 3, 4, 5].map(one));
	say('five over a pool', sent.every(s => s.accepted.length === 2 && /^250/.test(s.response)), sent);
	const { rejected } = await t.sendMail({ from: e.MAIL_USER, bcc: 'hidden@example.com', subject: 'nodemailer Bcc alone', messageId: id.replace('N', 'bcc'), text: 'to nobody in sight' });
	say('Bcc alone', rejected.length === 0, rejected);
	const people = [...Array(500).keys()].map(i => `person${i}@example.net`);
	const many = await t.sendMail({ from: e.MAIL_USER, to: people.slice(0, 250), cc: people.slice(250, 400), bcc: people.slice(400), subject: 'nodemailer to 500', messageId: id.replace('N', 'many'), text: 'hello' });
	say('500 recipients', many.accepted.length === 500, many);
	const asked = await t.sendMail({
		from: e.MAIL_USER, to: 'asked@example.com', subject: 'nodemailer asks', messageId: id.replace('N', 'dsn'), text: 'x'.repeat(100),
		dsn: { id: process.argv[4], return: 'headers', notify: ['success', 'failure', 'delay'], recipient: e.MAIL_USER },
	});
	say('asks for a report (DSN)', /^250/.test(asked.response), asked);
	const large = await t.sendMail({
		from: e.MAIL_USER, to: e.MAIL_USER, subject: 'nodemailer, 60 MB', messageId: id.replace('N', 'large'), text: 'large',
		attachments: [{ filename: 'Größe 60.bin', path: dir + '/large.bin' }],
	});
	say('60 MB', /^250/.test(large.response), large);
	await t.close();
	const wrong = nodemailer.createTransport({ ...options, auth: { user: e.MAIL_USER, pass: 'wrong' } });
	await wrong.verify().then(() => say('wrong password', false, 'accepted'), err => say('wrong password', err.code === 'EAUTH' && err.responseCode === 535, err));
})().catch(err => say('comes to its end', false, String(err.stack)));
EOF
# node_checks ARGUMENTS: the script says PASS or FAIL itself.
node_checks() {
	local out
	out=$(cd "$work" && timeout 300 node "$@" 2>&1)
	printf '%s\n' "$out" | cut -c 1-2000
	grep -q '^PASS' <<<"$out" || fail "$1 says nothing"
	passed=$((passed + $(grep -c '^PASS' <<<"$out"))) failed=$((failed + $(grep -c '^FAIL' <<<"$out")))
}
node_checks imapflow.js "$folder" "$work"
node_checks imap.js "$folder" "$work"
head -c 300000 /dev/urandom >"$work/random.bin"
head -c 60000000 /dev/urandom >"$work/large.bin"
large yes
envid=node$RANDOM$(date +%s)
id="<node.N.$RANDOM.$(date +%s%N)@example.com>"
node_checks nodemailer.js "$work" "$id" "$envid"
for i in 1 5; do check "letter $i of nodemailer arrives" imap wait INBOX "${id/N/$i}"; done
imap body INBOX "${id/N/5}" >"$work/back"
equal "its attachment is unchanged" "$(attached "$work/back")" "$(sum_of "$work/random.bin")"
equal "Bcc alone reaches that one" "$(recipients "${id/N/bcc}")" hidden@example.com
equal "each of 500 gets it once" "$(recipients "${id/N/many}" | sort | uniq -c | grep -c ' 1 person')" 500
report=$(imap report "$envid")
matches "the report names the recipient as it was asked for" "$report" '^Final-Recipient: rfc822; ?asked@example.com'
matches "and says relayed" "$report" '^Action: relayed'
matches "and has the header alone (RET=HDRS)" "$report" '^Subject: nodemailer asks'
lacks "not the text" "$report" 'xxxxxxxxxx'
check "60 MB arrive" imap wait INBOX "${id/N/large}" 120
imap body INBOX "${id/N/large}" >"$work/back"
equal "unchanged" "$(attached "$work/back")" "$(sum_of "$work/large.bin")"
large no
finish
