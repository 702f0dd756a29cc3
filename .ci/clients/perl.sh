#!/usr/bin/env bash
# Mail::IMAPClient, on which imapsync and much home-made software are built, Net::IMAP::Simple, by which OTRS reads its mail, and Net::SMTP.
. "$(dirname "$0")/lib.sh"

imap create "$folder" && imap create "$folder/Filed"
for i in 1 2 3 4; do letter "$work/letter$i" "perl $i" >/dev/null && imap append "$folder" "$work/letter$i"; done
cat >"$work/session.pl" <<'EOF'
use strict; use warnings; use Mail::IMAPClient; use Net::IMAP::Simple; use Net::SMTP;
my ($folder, $dir, $id) = @ARGV;
sub say_ { my ($name, $ok, $detail) = @_; print $ok ? "PASS" : "FAIL", " perl: $name", $ok ? "" : " " . ($detail // ""), "\n"; }
my $c = Mail::IMAPClient->new(Server => $ENV{IMAP_HOST}, Port => $ENV{IMAP_PORT}, User => $ENV{MAIL_USER}, Password => $ENV{MAIL_PASSWORD}, Uid => 1, Peek => 1, Authmechanism => "PLAIN") or die "connect: $@";
say_("AUTHENTICATE PLAIN", $c->IsAuthenticated);
say_("separator", $c->separator eq "/", $c->separator);
my @folders = $c->folders;
say_("folders", @folders > 20, "@folders");
$c->examine("INBOX") or die $c->LastError;
my @all = $c->messages;
my $heads = $c->parse_headers(\@all, "Message-Id", "Subject", "Date");
say_("headers of the whole inbox", @all > 50 && keys %$heads == @all, scalar(@all) . " " . scalar(keys %$heads));
my $h = $c->fetch_hash("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE");
say_("envelopes of the whole inbox", keys %$h == @all && !grep({ !$_->{"RFC822.SIZE"} || !$_->{INTERNALDATE} } values %$h), scalar keys %$h);
my @broken = grep { my $s = $c->get_bodystructure($_); !$s || !$s->bodytype } @all[-20 .. -1];
say_("structures", !@broken, "@broken");
my @differ = grep { length($c->message_string($_)) != $c->size($_) } @all[-10 .. -1];
say_("a message is as long as its size", !@differ, "@differ");
$c->select($folder) or die $c->LastError;
my @m = $c->messages;
say_("search", @m == 4 && @{[$c->search("SUBJECT", "perl 2")]} == 1 && @{[$c->unseen]} == 4, "@m");
say_("set flags", $c->store("$m[0],$m[1]", "+FLAGS", "(\\Seen \\Flagged)") && $c->has_capability("UIDPLUS"), $c->LastError);
say_("flags are set", (grep { $_ eq "\\Flagged" } $c->flags($m[1])) == 1, join " ", $c->flags($m[1]));
my $copied = $c->copy("$folder/Filed", $m[0]);
say_("copy tells the UID", $copied && $copied =~ /^\d+$/, $copied // $c->LastError);
my $moved = $c->move("$folder/Filed", $m[1]);
say_("move", $moved, $c->LastError); $c->expunge;
say_("what moved is gone", scalar($c->message_count) == 3, $c->message_count);
say_("delete and expunge", $c->delete_message($m[2]) && $c->expunge && $c->message_count == 2, $c->LastError);
my $uid = $c->append_file($folder, "$dir/letter1", undef, "\\Seen", 1);
say_("append a file", $uid, $c->LastError);
my $uid2 = $c->append_string($folder, "Subject: from perl\r\nMessage-Id: <x>\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n", "\\Flagged", " 1-Feb-2024 10:20:30 +0100");
say_("append a string", $uid2 && $c->internaldate($uid2) =~ /^ ?0?1-Feb-2024/, $uid2 . " " . $c->internaldate($uid2));
say_("unseen count", defined $c->unseen_count && $c->status("INBOX", "MESSAGES"), "");
say_("rename", $c->rename("$folder/Filed", "$folder/Renamed & kept") && $c->exists("$folder/Renamed & kept"), $c->LastError);
say_("delete a folder", $c->delete("$folder/Renamed & kept"), $c->LastError);
say_("log out", $c->logout);

my $n = Net::IMAP::Simple->new("$ENV{IMAP_HOST}:$ENV{IMAP_PORT}", timeout => 60) or die "Net::IMAP::Simple";
say_("Net::IMAP::Simple: wrong password", !$n->login($ENV{MAIL_USER}, "wrong"), "accepted");
say_("Net::IMAP::Simple: login", $n->login($ENV{MAIL_USER}, $ENV{MAIL_PASSWORD}), $n->errstr);
my @boxes = $n->mailboxes;
say_("Net::IMAP::Simple: folders", @boxes > 20 && grep({ $_ eq $folder } @boxes), "@boxes");
my $letter = do { open my $f, "<:raw", "$dir/letter3"; local $/; <$f> };
say_("Net::IMAP::Simple: put", $n->create_mailbox("$folder/Simple") && $n->put("$folder/Simple", $letter, "\\Seen") && $n->put_with_date("$folder/Simple", $letter, "29-Feb-2024 12:00:00 +0000"), $n->errstr);
say_("Net::IMAP::Simple: select", $n->select("$folder/Simple") == 2 && $n->seen(1) && !$n->seen(2) && $n->unseen == 2, $n->errstr);
say_("Net::IMAP::Simple: size and text", $n->list(2) == length $letter && $n->get(2) eq $letter, $n->get(2));
say_("Net::IMAP::Simple: search", join(",", $n->search("ON 29-Feb-2024")) eq "2", join ",", $n->search("ON 29-Feb-2024"));
say_("Net::IMAP::Simple: delete", $n->delete(1) && join(",", $n->expunge_mailbox) eq "1" && $n->select("$folder/Simple") == 1, $n->errstr);
say_("Net::IMAP::Simple: delete a folder", $n->select("INBOX") && $n->delete_mailbox("$folder/Simple"), $n->errstr);
$n->quit;

my $s = Net::SMTP->new($ENV{SMTP_HOST}, Port => $ENV{SMTP_PORT}) or die "smtp";
say_("SMTP AUTH", $s->auth($ENV{MAIL_USER}, $ENV{MAIL_PASSWORD}), $s->message);
open my $f, "<:raw", "$dir/letter2"; my $text = join "", <$f>; $text =~ s/^Message-ID: .*/Message-ID: $id\r/m; $text =~ s/\r//g;
say_("send", $s->mail($ENV{MAIL_USER}, Size => length $text, Bits => 8) && $s->to($ENV{MAIL_USER}) && $s->data($text), $s->message);
$s->quit;
EOF
id="<perl.$RANDOM.$(date +%s%N)@example.com>"
out=$(timeout 240 perl "$work/session.pl" "$folder" "$work" "$id" 2>&1)
status=$?
printf '%s\n' "$out" | cut -c 1-1000
passed=$(grep -c '^PASS' <<<"$out") failed=$(grep -c '^FAIL' <<<"$out")
equal "it comes to its end" "$status" 0
check "its letter arrives" imap wait INBOX "$id"
imap body INBOX "$id" >"$work/back"
equal "its text is unchanged" "$(body "$work/back")" "$(body "$work/letter2")"
finish
