#!/usr/bin/env bash
# Jakarta Mail: what ticket systems in Java read and send with. Pieces of parts, searches in UTF-8, both transports.
. "$(dirname "$0")/lib.sh"

imap create "$folder" && imap create "$folder/Fertig – ü"
for i in 1 2 3 4; do letter "$work/letter$i" "java $i größer" >/dev/null && imap append "$folder" "$work/letter$i"; done
head -c 300000 /dev/urandom >"$work/random.bin"
cat >"$work/Session.java" <<'EOF'
import jakarta.mail.*;
import jakarta.mail.internet.*;
import jakarta.mail.search.*;
import com.sun.mail.imap.*;
import com.sun.mail.smtp.SMTPMessage;
import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import jakarta.mail.event.*;

public class Session {
	static void check(String name, boolean ok, Object detail) {
		System.out.println((ok ? "PASS" : "FAIL") + " javamail: " + name + (ok ? "" : " " + detail));
	}
	static long read(Part p) throws Exception {
		Object c = p.getContent();
		if (c instanceof Multipart m) {
			long n = 0;
			for (int i = 0; i < m.getCount(); i++) n += read(m.getBodyPart(i));
			return n;
		}
		if (c instanceof Message m) return read(m);
		try (InputStream in = p.getInputStream()) { return in.readAllBytes().length; }
	}
	static byte[] source(Message m) throws Exception {
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		m.writeTo(out);
		return out.toByteArray();
	}
	static MimeMessage message(jakarta.mail.Session s, String from, String id, String subject) throws Exception {
		MimeMessage m = new MimeMessage(s) { protected void updateMessageID() throws MessagingException { setHeader("Message-ID", id); } };
		m.setFrom(from);
		m.setSubject(subject);
		m.setText("a text of its own");
		m.saveChanges();
		return m;
	}
	// idle watches a folder as servers do: by one thread for many folders, and with a thread for the one folder.
	static void idle(Properties p, String name, Path letter) throws Exception {
		Properties channels = new Properties();
		channels.putAll(p);
		channels.put("mail.imap.usesocketchannels", "true");
		jakarta.mail.Session s = jakarta.mail.Session.getInstance(channels);
		ExecutorService pool = Executors.newCachedThreadPool();
		IdleManager manager = new IdleManager(s, pool);
		List<Store> stores = new ArrayList<>();
		List<BlockingQueue<String>> told = new ArrayList<>();
		for (boolean managed : new boolean[]{true, false}) {
			Store store = (managed ? s : jakarta.mail.Session.getInstance(p)).getStore();
			store.connect(System.getenv("MAIL_USER"), System.getenv("MAIL_PASSWORD"));
			IMAPFolder f = (IMAPFolder) store.getFolder(name);
			f.open(Folder.READ_WRITE);
			BlockingQueue<String> events = new LinkedBlockingQueue<>();
			f.addMessageCountListener(new MessageCountAdapter() {
				public void messagesAdded(MessageCountEvent e) { events.add("added"); if (managed) watch(); }
				public void messagesRemoved(MessageCountEvent e) { events.add("removed"); if (managed) watch(); }
				void watch() { try { manager.watch(f); } catch (MessagingException x) { events.add(x.toString()); } }
			});
			f.addMessageChangedListener(e -> {
				try { events.add(e.getMessage().isSet(Flags.Flag.FLAGGED) ? "flagged" : "changed"); if (managed) manager.watch(f); } catch (MessagingException x) { events.add(x.toString()); }
			});
			if (managed) manager.watch(f);
			else pool.execute(() -> { try { while (f.isOpen()) f.idle(true); } catch (MessagingException | IllegalStateException x) { events.add("ended"); } });
			stores.add(store);
			told.add(events);
		}
		Store other = jakarta.mail.Session.getInstance(p).getStore();
		other.connect(System.getenv("MAIL_USER"), System.getenv("MAIL_PASSWORD"));
		Folder f = other.getFolder(name);
		f.open(Folder.READ_WRITE);
		for (String want : new String[]{"added", "flagged", "removed"}) {
			// IdleManager misses what comes together with the server's "+": then it happens once more.
			List<BlockingQueue<String>> deaf = new ArrayList<>(told);
			for (int n = 0; n < 20 && !deaf.isEmpty(); n++) {
				if (want.equals("added") || n > 0) f.appendMessages(new Message[]{new MimeMessage(s, Files.newInputStream(letter))});
				Message last = f.getMessage(f.getMessageCount());
				if (want.equals("flagged")) last.setFlag(Flags.Flag.FLAGGED, true);
				if (want.equals("removed")) { last.setFlag(Flags.Flag.DELETED, true); f.expunge(); }
				for (Iterator<BlockingQueue<String>> i = deaf.iterator(); i.hasNext(); ) {
					BlockingQueue<String> events = i.next();
					String e;
					do e = events.poll(5, TimeUnit.SECONDS); while (e != null && !e.equals(want));
					if (e != null) i.remove();
				}
			}
			check("IDLE tells, by IdleManager and by a thread: " + want, deaf.isEmpty(), deaf.size());
		}
		f.close(false);
		other.close();
		for (Store store : stores) store.close();
		manager.stop();
		pool.shutdownNow();
		check("and is left", pool.awaitTermination(60, TimeUnit.SECONDS), told);
	}
	public static void main(String[] args) throws Exception {
		String user = System.getenv("MAIL_USER"), password = System.getenv("MAIL_PASSWORD"), name = args[0];
		Properties p = new Properties();
		p.put("mail.store.protocol", "imap");
		p.put("mail.imap.host", System.getenv("IMAP_HOST")); p.put("mail.imap.port", System.getenv("IMAP_PORT"));
		p.put("mail.imap.fetchsize", "4096");
		p.put("mail.smtp.host", System.getenv("SMTP_HOST")); p.put("mail.smtp.port", System.getenv("SMTP_PORT"));
		p.put("mail.smtp.auth", "true");
		p.put("mail.smtp.dsn.notify", "FAILURE"); p.put("mail.smtp.dsn.ret", "HDRS");
		jakarta.mail.Session s = jakarta.mail.Session.getInstance(p);
		Store store = s.getStore();
		store.connect(user, password);

		IMAPFolder inbox = (IMAPFolder) store.getFolder("INBOX");
		inbox.open(Folder.READ_ONLY);
		Message[] all = inbox.getMessages();
		FetchProfile fp = new FetchProfile();
		fp.add(FetchProfile.Item.ENVELOPE); fp.add(FetchProfile.Item.CONTENT_INFO); fp.add(FetchProfile.Item.FLAGS); fp.add(UIDFolder.FetchProfileItem.UID); fp.add("X-Mailer");
		inbox.fetch(all, fp);
		int odd = 0;
		for (Message m : all) if (m.getContentType() == null || inbox.getUID(m) <= 0 || m.getSize() <= 0) odd++;
		check("the whole inbox by profile", all.length > 50 && odd == 0, all.length + " " + odd);
		int unreadable = 0; String why = "";
		for (int i = Math.max(0, all.length - 40); i < all.length; i++)
			try { read(all[i]); } catch (Exception e) { unreadable++; why += " UID " + inbox.getUID(all[i]) + " " + e; }
		check("every part of the last forty, in pieces", unreadable == 0, why);
		inbox.close(false);

		IMAPFolder f = (IMAPFolder) store.getFolder(name), done = (IMAPFolder) store.getFolder(name + "/Fertig – ü");
		f.open(Folder.READ_WRITE);
		check("search beyond ASCII", f.search(new AndTerm(new SubjectTerm("größer"), new FlagTerm(new Flags(Flags.Flag.SEEN), false))).length == 4, "");
		check("search in bodies", f.search(new BodyTerm("Prüfung")).length == 4, "");
		Message[] m = f.getMessages();
		check("the source is what was put there", Arrays.equals(source(m[0]), Files.readAllBytes(Path.of(args[1], "letter1"))), new String(source(m[0])));
		f.setFlags(new Message[]{m[0], m[1]}, new Flags(Flags.Flag.FLAGGED), true);
		f.setFlags(new Message[]{m[0]}, new Flags("Ticket-1"), true);
		check("flags", f.search(new FlagTerm(new Flags(Flags.Flag.FLAGGED), true)).length == 2 && f.search(new FlagTerm(new Flags("Ticket-1"), true)).length == 1, "");
		AppendUID[] copied = f.copyUIDMessages(new Message[]{m[0]}, done);
		check("copy tells the UID", copied.length == 1 && copied[0] != null, Arrays.toString(copied));
		AppendUID[] moved = f.moveUIDMessages(new Message[]{m[1]}, done);
		check("move tells the UID", moved.length == 1 && moved[0] != null, Arrays.toString(moved));
		f.expunge();
		m = f.getMessages();
		check("what moved is gone", m.length == 3, m.length);
		m[2].setFlag(Flags.Flag.DELETED, true);
		check("expunge", f.expunge().length == 1 && f.getMessageCount() == 2, f.getMessageCount());
		MimeMessage put = new MimeMessage(s, new FileInputStream(args[1] + "/letter2"));
		put.setFlag(Flags.Flag.SEEN, true);
		AppendUID[] uids = f.appendUIDMessages(new Message[]{put});
		check("append tells the UID", uids[0] != null && f.getMessageByUID(uids[0].uid).isSet(Flags.Flag.SEEN), Arrays.toString(uids));
		done.open(Folder.READ_ONLY);
		check("copied and moved are there", done.getMessageCount() == 2, done.getMessageCount());
		done.close(false);
		// What Spring Integration asks for: not what it has marked as taken.
		Flags taken = new Flags("spring-integration-mail-adapter");
		int before = f.search(new NotTerm(new FlagTerm(taken, true))).length;
		m = f.getMessages();
		m[0].setFlags(taken, true);
		check("search for what has not been taken", before == m.length && f.search(new NotTerm(new FlagTerm(taken, true))).length == m.length - 1, before);
		f.close(true);
		idle(p, name, Path.of(args[1], "letter3"));
		check("rename", done.renameTo(store.getFolder(name + "/Ab & \"zu\"")), "");
		check("delete", store.getFolder(name + "/Ab & \"zu\"").delete(false), "");
		int folders = store.getDefaultFolder().list("*").length;
		check("list and subscribe", folders > 20 && store.getDefaultFolder().listSubscribed("*").length > 0, folders);
		store.close();

		MimeMessage out = new MimeMessage(s) { protected void updateMessageID() throws MessagingException { setHeader("Message-ID", args[2]); } };
		out.setFrom(new InternetAddress(user, "Dämo"));
		out.setRecipients(Message.RecipientType.TO, user);
		out.setRecipients(Message.RecipientType.BCC, "hidden@example.com");
		out.setSubject("Größer aus Java", "utf-8");
		MimeBodyPart text = new MimeBodyPart(), file = new MimeBodyPart();
		text.setText("Grüße", "utf-8");
		file.attachFile(args[1] + "/random.bin");
		out.setContent(new MimeMultipart(text, file));
		Transport t = s.getTransport("smtp");
		t.connect(user, password);
		out.saveChanges();
		t.sendMessage(out, out.getAllRecipients());
		check("send", true, "");

		MimeMessage blind = message(s, user, args[2].replace("java.", "java.bcc."), "Java, Bcc alone");
		blind.setRecipients(Message.RecipientType.BCC, "hidden@example.com");
		t.sendMessage(blind, blind.getAllRecipients());
		MimeMessage many = message(s, user, args[2].replace("java.", "java.many."), "Java to 500");
		for (int i = 0; i < 500; i++)
			many.addRecipient(i < 250 ? Message.RecipientType.TO : i < 400 ? Message.RecipientType.CC : Message.RecipientType.BCC, new InternetAddress("person" + i + "@example.net"));
		t.sendMessage(many, many.getAllRecipients());
		SMTPMessage asked = new SMTPMessage(message(s, user, args[2].replace("java.", "java.dsn."), "Java asks"));
		asked.setHeader("Message-ID", args[2].replace("java.", "java.dsn."));
		asked.setRecipients(Message.RecipientType.TO, "asked@example.com");
		asked.setNotifyOptions(SMTPMessage.NOTIFY_SUCCESS | SMTPMessage.NOTIFY_FAILURE | SMTPMessage.NOTIFY_DELAY);
		asked.setReturnOption(SMTPMessage.RETURN_FULL);
		asked.setMailExtension("ENVID=" + args[3]);
		t.sendMessage(asked, asked.getAllRecipients());
		check("Bcc alone, 500 recipients, DSN", true, "");
		MimeMessage large = new MimeMessage(s) { protected void updateMessageID() throws MessagingException { setHeader("Message-ID", args[2].replace("java.", "java.large.")); } };
		large.setFrom(user);
		large.setRecipients(Message.RecipientType.TO, user);
		large.setSubject("Java, 60 MB");
		MimeBodyPart big = new MimeBodyPart();
		big.attachFile(args[1] + "/large.bin");
		big.setFileName(MimeUtility.encodeText("Größe 60.bin", "utf-8", null));
		large.setContent(new MimeMultipart(big));
		large.saveChanges();
		t.sendMessage(large, large.getAllRecipients());
		check("60 MB", ((com.sun.mail.smtp.SMTPTransport) t).getLastReturnCode() == 250, "");
		t.close();
		try { Transport w = s.getTransport("smtp"); w.connect(user, "wrong"); check("wrong password", false, ""); }
		catch (AuthenticationFailedException e) { check("wrong password", true, ""); }
	}
}
EOF
id="<java.$RANDOM.$(date +%s%N)@example.com>"
head -c 60000000 /dev/urandom >"$work/large.bin"
large yes
envid=java$RANDOM$(date +%s)
out=$(timeout 300 java -Dfile.encoding=UTF-8 -cp /usr/share/java/jakarta-mail.jar:/usr/share/java/jakarta-activation.jar:/usr/share/java/javax.activation.jar "$work/Session.java" "$folder" "$work" "$id" "$envid" 2>&1)
status=$?
printf '%s\n' "$out" | cut -c 1-1000
passed=$(grep -c '^PASS' <<<"$out") failed=$(grep -c '^FAIL' <<<"$out")
equal "it comes to its end" "$status" 0
check "its letter arrives" imap wait INBOX "$id"
imap body INBOX "$id" >"$work/back"
equal "the attachment is unchanged" "$(attached "$work/back")" "$(sum_of "$work/random.bin")"
equal "Bcc alone reaches that one" "$(recipients "${id/java./java.bcc.}")" hidden@example.com
equal "each of 500 gets it once" "$(recipients "${id/java./java.many.}" | sort | uniq -c | grep -c ' 1 person')" 500
report=$(imap report "$envid")
matches "the report says relayed" "$report" '^Action: relayed'
matches "and has the header" "$report" '^Subject: Java asks'
lacks "alone, since RET=FULL means failures (RFC 3461 4.3)" "$report" '^a text of its own'
check "60 MB arrive" imap wait INBOX "${id/java./java.large.}" 120
imap body INBOX "${id/java./java.large.}" >"$work/back"
equal "unchanged" "$(attached "$work/back")" "$(sum_of "$work/large.bin")"
large no
imap delete "$folder/Fertig – ü" >/dev/null 2>&1
finish
