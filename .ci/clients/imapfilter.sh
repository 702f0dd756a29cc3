#!/usr/bin/env bash
# imapfilter: rules as people write them, by sender, subject, size, age and flags; also beyond ASCII.
. "$(dirname "$0")/lib.sh"

imap create "$folder" && imap create "$folder/Größe" && imap create "$folder/Sorted"
for i in 1 2 3 4 5 6; do id[i]=$(letter "$work/letter$i" "imapfilter $i") && imap append "$folder" "$work/letter$i"; done
id[7]=$(letter "$work/letter7" "imapfilter 7")
sed -i 's/^Subject: .*/Subject: =?utf-8?Q?Rechnung_gr=C3=B6=C3=9Fer?=\r/' "$work/letter7" && imap append "$folder" "$work/letter7"
cat >"$work/config.lua" <<EOF
options.timeout = 60
options.charset = 'UTF-8'
account = IMAP { server = '$IMAP_HOST', port = $IMAP_PORT, username = '$MAIL_USER', password = '$MAIL_PASSWORD' }
box = account['$folder']
print('all', #box:select_all())
print('unseen', #box:is_unseen())
print('subject', #box:contain_subject('imapfilter'))
print('umlauts', #box:contain_subject('größer'))
print('body', #box:contain_body('Prüfung'))
print('from', #box:contain_from('$MAIL_USER'))
print('old', #box:is_older(3))
print('new', #box:is_newer(3))
print('large', #box:is_larger(1000000))
print('small', #box:is_smaller(1000000))
print('field', #box:contain_field('Message-ID', '${id[3]}'))
print('match', #box:match_subject('^imapfilter [12]\$'))
print('and', #(box:is_unseen() * box:contain_subject('imapfilter 4')))
print('or', #(box:contain_subject('imapfilter 4') + box:contain_subject('imapfilter 5')))
print('not', #(box:select_all() - box:contain_subject('imapfilter 4')))
function by(id) return box:contain_field('Message-ID', id) end
by('${id[1]}'):mark_flagged()
by('${id[1]}'):mark_seen()
by('${id[2]}'):add_flags({ 'Imapfiltered', '\\\\Answered' })
by('${id[3]}'):move_messages(account['$folder/Sorted'])
by('${id[4]}'):copy_messages(account['$folder/Sorted'])
box:contain_subject('größer'):move_messages(account['$folder/Größe'])
by('${id[5]}'):delete_messages()
print('status', box:check_status())
account:create_mailbox('$folder/Made')
account:rename_mailbox('$folder/Made', '$folder/Renamed')
account:delete_mailbox('$folder/Renamed')
f = io.open('$work/fetched', 'wb')
for _, m in ipairs(by('${id[6]}')) do f:write(m[1][m[2]]:fetch_message()) end
f:close()
EOF
out=$(HOME=$work timeout 240 imapfilter -c "$work/config.lua" 2>&1)
for want in all.7 unseen.7 subject.6 umlauts.1 body.7 from.7 old.0 new.7 large.0 small.7 field.1 match.2 and.1 or.2 not.6; do
	matches "rule: ${want%.*}" "$out" "^${want%.*}[[:space:]]+${want#*.}$"
done
matches "counts after all" "$out" '^status[[:space:]]+4[[:space:]]+[0-9]+[[:space:]]+[0-9]+'
lacks "no complaint" "$out" 'imapfilter:'
equal "marked" "$(imap flags "$folder" "${id[1]}" | sed 's/ *\\Recent//')" '\Flagged \Seen'
matches "a flag and a keyword" "$(imap flags "$folder" "${id[2]}")" 'Imapfiltered .*Answered|Answered .*Imapfiltered'
check "moved away" imap gone "$folder" "${id[3]}"
check "moved there" imap body "$folder/Sorted" "${id[3]}"
check "copied there" imap body "$folder/Sorted" "${id[4]}"
check "copied from" imap body "$folder" "${id[4]}"
check "found by a word beyond ASCII and moved to a name beyond it" imap body "$folder/Größe" "${id[7]}"
check "deleted" imap gone "$folder" "${id[5]}"
equal "a message as it was" "$(sha256sum <"$work/fetched")" "$(sha256sum <"$work/letter6")"
sed -i "s/password = '[^']*'/password = 'wrong'/" "$work/config.lua"
matches "wrong password" "$(HOME=$work timeout 240 imapfilter -c "$work/config.lua" 2>&1)" 'AUTHENTICATIONFAILED|login|authenticat'
imap delete "$folder/Größe"
imap delete "$folder/Sorted"
finish
