#!/usr/bin/env bash
# Ruby's Net::IMAP, Net::SMTP and the mail gem, which ticket systems such as Redmine, Zammad and GitLab read mail with.
. "$(dirname "$0")/lib.sh"

imap create "$folder" && imap create "$folder/Größe"
for i in 1 2 3 4; do id[i]=$(letter "$work/letter$i" "ruby $i") && imap append "$folder" "$work/letter$i"; done
cat >"$work/session.rb" <<'EOF'
require 'mail'
require 'net/imap'
require 'net/smtp'
FOLDER, DIR, ID = ARGV
HOST, PORT, USER, PASSWORD = ENV.values_at('IMAP_HOST', 'IMAP_PORT', 'MAIL_USER', 'MAIL_PASSWORD')
def say(name, ok, detail = '') = puts("#{ok ? 'PASS' : 'FAIL'} ruby: #{name}#{ok ? '' : " #{detail.inspect}"}")
def utf7(name) = Net::IMAP.encode_utf7(name)

c = Net::IMAP.new(HOST, port: PORT.to_i)
begin
  c.authenticate('PLAIN', USER, 'wrong')
  say('wrong password', false)
rescue Net::IMAP::NoResponseError => e
  say('wrong password', e.message =~ /password|login/i, e.message)
end
c.authenticate('LOGIN', USER, PASSWORD)
say('capabilities', %w[IMAP4REV1 IDLE UIDPLUS MOVE SORT].all? { |w| c.capability.include?(w) }, c.capability)
tree = c.list('', '*')
say('the tree', tree.size > 20 && tree.any? { |f| f.name == utf7("#{FOLDER}/Größe") } && tree.any? { |f| f.attr.include?(:Sent) }, tree)
say('status', c.status('INBOX', %w[MESSAGES UIDNEXT UNSEEN])['MESSAGES'] > 100)
c.examine('INBOX')
all = c.fetch(1..-1, %w[UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE])
say('envelopes and structures of the inbox', all.size == c.responses['EXISTS'].last && all.all? { |m| m.attr['ENVELOPE'] && m.attr['BODYSTRUCTURE'] && m.attr['RFC822.SIZE'].positive? }, all.size)
c.select(FOLDER)
say('search', c.search(%w[UNSEEN]) == [1, 2, 3, 4] && c.uid_search(['SUBJECT', 'ruby 3']) == [3])
say('search beyond ASCII', c.uid_search(['BODY', 'Prüfung'.b], 'UTF-8') == [1, 2, 3, 4])
say('sort', c.sort(['REVERSE', 'SUBJECT'], ['ALL'], 'UTF-8') == [4, 3, 2, 1])
say('a message as it was', c.uid_fetch(2, 'BODY.PEEK[]')[0].attr['BODY[]'] == File.binread("#{DIR}/letter2"))
say('flags', c.uid_store(2, '+FLAGS', [:Flagged, 'Ruby'])[0].attr['FLAGS'].then { |f| f.include?(:Flagged) && f.include?('Ruby') })
c.uid_copy(2, utf7("#{FOLDER}/Größe"))
c.uid_move(3, utf7("#{FOLDER}/Größe"))
say('copy and move', c.status(utf7("#{FOLDER}/Größe"), ['MESSAGES'])['MESSAGES'] == 2 && c.uid_search(['ALL']) == [1, 2, 4])
c.uid_store(4, '+FLAGS', [:Deleted])
say('expunge', c.expunge.last == 3 && c.uid_search(['ALL']) == [1, 2])
c.append(FOLDER, File.binread("#{DIR}/letter1"), [:Seen], Time.utc(2024, 2, 29, 12))
got = c.uid_fetch(c.uid_search(['ON', '29-Feb-2024']), %w[FLAGS INTERNALDATE])
say('append', got.size == 1 && got[0].attr['FLAGS'].include?(:Seen) && got[0].attr['INTERNALDATE'] =~ /^29-Feb-2024 12:00:00/, got)
told = []
waiting = Thread.new do
  c.idle(120) { |r| (told << r; c.idle_done) if r.is_a?(Net::IMAP::UntaggedResponse) && r.name == 'EXISTS' }
end
sleep 0.3
other = Net::IMAP.new(HOST, port: PORT.to_i)
other.login(USER, PASSWORD)
other.append(FOLDER, File.binread("#{DIR}/letter2"))
waiting.join
say('IDLE tells of new mail', told.any?, told)
other.logout
c.logout

# As a ticket system does: the first unread one, marked or deleted afterwards.
Mail.defaults do
  retriever_method :imap, address: HOST, port: PORT.to_i, user_name: USER, password: PASSWORD
  delivery_method :smtp, address: ENV['SMTP_HOST'], port: ENV['SMTP_PORT'].to_i, user_name: USER, password: PASSWORD, authentication: :plain, enable_starttls_auto: true
end
found = Mail.find(mailbox: FOLDER, keys: %w[NOT DELETED], count: 2, order: :asc)
say('mail gem: find', found.map(&:subject) == ['ruby 1', 'ruby 2'] && found[0].decoded.include?('größer als 7 Bit'), found.map(&:subject))
taken = Mail.find_and_delete(mailbox: FOLDER, keys: ['SUBJECT', 'ruby 1'], count: 1)
say('mail gem: find and delete', [taken].flatten.map(&:subject) == ['ruby 1'] && Mail.find(mailbox: FOLDER, count: 10).map(&:subject) == ['ruby 2', 'ruby 1', 'ruby 2'], Mail.find(mailbox: FOLDER, count: 10).map(&:subject))
m = Mail.new(from: USER, to: USER, bcc: USER, subject: 'ruby sends – größer', message_id: "<#{ID}>")
m.body = "Grüße\n.\nEnde\n"
m.charset = 'UTF-8'
m.add_file("#{DIR}/random.bin")
m.deliver!
say('mail gem: deliver', true)
%i[plain login].each do |way|
  Net::SMTP.start(ENV['SMTP_HOST'], ENV['SMTP_PORT'].to_i, 'ci.example.com', USER, PASSWORD, way) { |s| say("Net::SMTP, AUTH #{way}", s.send_message("Subject: ruby #{way}\n\n.\nGrüße\n", USER, USER).success?) }
end
begin
  Net::SMTP.start(ENV['SMTP_HOST'], ENV['SMTP_PORT'].to_i, 'ci.example.com', USER, 'wrong', :plain) {}
  say('Net::SMTP, wrong password', false)
rescue Net::SMTPAuthenticationError => e
  say('Net::SMTP, wrong password', e.message.start_with?('535'), e.message)
end
EOF
head -c 200000 /dev/urandom >"$work/random.bin"
id="ruby.$RANDOM.$(date +%s%N)@example.com"
out=$(cd "$work" && timeout 240 ruby session.rb "$folder" "$work" "$id" 2>&1)
status=$?
printf '%s\n' "$out" | cut -c 1-2000
passed=$((passed + $(grep -c '^PASS' <<<"$out"))) failed=$((failed + $(grep -c '^FAIL' <<<"$out")))
equal "it comes to its end" "$status" 0
check "its letter arrives" imap wait INBOX "<$id>"
imap body INBOX "<$id>" >"$work/back"
equal "the attachment is unchanged" "$(python3 -c '
import email, hashlib, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"))
print(*[hashlib.sha256(p.get_payload(decode=True)).hexdigest() for p in m.walk() if p.get_filename()])' "$work/back")" "$(sha256sum <"$work/random.bin" | cut -d ' ' -f 1)"
imap delete "$folder/Größe"
finish
