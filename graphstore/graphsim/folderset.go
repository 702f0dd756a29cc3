package graphsim

import "strings"

// wellKnownNames are the names that may stand for a folder id (res/mailfolder, §4.2).
var wellKnownNames = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`archive clutter conflicts conversationhistory deleteditems drafts inbox junkemail
		localfailures msgfolderroot outbox recoverableitemsdeletions scheduled searchfolders sentitems serverfailures
		syncissues`) {
		m[n] = true
	}
	return m
}()

// defaultFolders are those every mailbox has; the names are English, German, French, Spanish, Italian, Dutch.
var defaultFolders = []struct {
	wellKnown string
	names     [6]string
}{
	{"inbox", [6]string{"Inbox", "Posteingang", "Boîte de réception", "Bandeja de entrada", "Posta in arrivo", "Postvak IN"}},
	{"drafts", [6]string{"Drafts", "Entwürfe", "Brouillons", "Borradores", "Bozze", "Concepten"}},
	{"sentitems", [6]string{"Sent Items", "Gesendete Elemente", "Éléments envoyés", "Elementos enviados", "Posta inviata", "Verzonden items"}},
	{"deleteditems", [6]string{"Deleted Items", "Gelöschte Elemente", "Éléments supprimés", "Elementos eliminados", "Posta eliminata", "Verwijderde items"}},
	{"junkemail", [6]string{"Junk Email", "Junk-E-Mail", "Courrier indésirable", "Correo no deseado", "Posta indesiderata", "Ongewenste e-mail"}},
	{"outbox", [6]string{"Outbox", "Postausgang", "Boîte d'envoi", "Bandeja de salida", "Posta in uscita", "Postvak UIT"}},
	{"conversationhistory", [6]string{"Conversation History", "Aufgezeichnete Unterhaltungen", "Historique des conversations", "Historial de conversaciones", "Cronologia conversazioni", "Gespreksgeschiedenis"}},
	{"archive", [6]string{"Archive", "Archiv", "Archive", "Archivo", "Archivio", "Archief"}},
}

// localeIndex maps a locale such as "de-DE" to a column of defaultFolders.
func localeIndex(locale string) int {
	lang, _, _ := strings.Cut(strings.ToLower(locale), "-")
	for i, l := range []string{"en", "de", "fr", "es", "it", "nl"} {
		if l == lang {
			return i
		}
	}
	return 0
}

// addDefaultFolders makes the tree of a fresh mailbox. The folders outside msgfolderroot are reached by well-known
// name only, and "purges" not at all (§7.5).
func (mb *Mailbox) addDefaultFolders() {
	mb.root = mb.addFolder(nil, "Top of Information Store", "msgfolderroot")
	col := localeIndex(mb.opts.Locale)
	for _, d := range defaultFolders {
		if d.wellKnown == "archive" && mb.opts.NoArchive {
			continue
		}
		mb.addFolder(mb.root, d.names[col], d.wellKnown)
	}
	for _, d := range [][2]string{
		{"recoverableitemsdeletions", "Deletions"}, {"searchfolders", "Finder"},
	} {
		f := mb.addFolder(nil, d[1], d[0])
		f.hidden = true
	}
}
