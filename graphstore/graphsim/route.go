package graphsim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one operation: its method, its path and the permissions of which one is needed.
type route struct {
	method string
	path   string // below /users/{id}, with {f}, {m}, {a}
	name   string // as logs and faults show it
	roles  []string
	beta   bool // exists in beta only
	run    func(*call) (*reply, *apiError)
	segs   []string
}

var (
	mayRead  = []string{"Mail.Read", "Mail.ReadWrite", "Mail-Advanced.ReadWrite.All"}
	mayWrite = []string{"Mail.ReadWrite"}
	maySend  = []string{"Mail.Send"}
)

// routes is the table of all operations (api/resources/mail-api-overview). Paths with a message id hold below
// /messages and below /mailFolders/{f}/messages alike.
var routes = buildRoutes()

func buildRoutes() []*route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	list := []*route{
		{method: get, path: "", roles: []string{"User.Read.All", "Directory.Read.All"}, run: getUser},
		{method: get, path: "mailboxSettings", roles: []string{"MailboxSettings.Read", "MailboxSettings.ReadWrite"}, run: getSettings},
		{method: post, path: "sendMail", roles: maySend, run: sendMail},
		{method: post, path: "translateExchangeIds", roles: slices.Concat([]string{"User.ReadBasic", "User.Read.All"}, mayRead), run: translateIDs},

		{method: get, path: "mailFolders", roles: mayRead, run: listFolders},
		{method: post, path: "mailFolders", roles: mayWrite, run: createFolder},
		{method: get, path: "mailFolders/$count", roles: mayRead, run: countFolders},
		{method: get, path: "mailFolders/delta", roles: mayRead, run: folderDelta},
		{method: get, path: "mailFolders/{f}", roles: mayRead, run: getFolder},
		{method: patch, path: "mailFolders/{f}", roles: mayWrite, run: updateFolder},
		{method: del, path: "mailFolders/{f}", roles: mayWrite, run: deleteFolder},
		{method: post, path: "mailFolders/{f}/move", roles: mayWrite, run: moveFolder},
		{method: post, path: "mailFolders/{f}/copy", roles: mayWrite, run: copyFolder},
		{method: post, path: "mailFolders/{f}/permanentDelete", roles: mayWrite, run: purgeFolder},
		{method: get, path: "mailFolders/{f}/childFolders", roles: mayRead, run: listFolders},
		{method: post, path: "mailFolders/{f}/childFolders", roles: mayWrite, run: createFolder},
		{method: get, path: "mailFolders/{f}/childFolders/$count", roles: mayRead, run: countFolders},
		{method: post, path: "mailFolders/{f}/importMime", roles: []string{"Mail-Advanced.ReadWrite.All"}, beta: true, run: importMIME},
		{method: get, path: "mailFolders/{f}/messages/delta", roles: mayRead, run: messageDelta},
	}
	for _, in := range []string{"", "mailFolders/{f}/"} {
		list = append(list,
			&route{method: get, path: in + "messages", roles: mayRead, run: listMessages},
			&route{method: post, path: in + "messages", roles: mayWrite, run: createMessage},
			&route{method: get, path: in + "messages/$count", roles: mayRead, run: countMessages},
			&route{method: get, path: in + "messages/{m}", roles: mayRead, run: getMessage},
			&route{method: patch, path: in + "messages/{m}", roles: mayWrite, run: updateMessage},
			&route{method: del, path: in + "messages/{m}", roles: mayWrite, run: deleteMessage},
			&route{method: get, path: in + "messages/{m}/$value", roles: mayRead, run: messageValue},
			&route{method: post, path: in + "messages/{m}/move", roles: mayWrite, run: moveMessage},
			&route{method: post, path: in + "messages/{m}/copy", roles: mayWrite, run: copyMessage},
			&route{method: post, path: in + "messages/{m}/send", roles: maySend, run: sendDraft},
			&route{method: post, path: in + "messages/{m}/permanentDelete", roles: mayWrite, run: purgeMessage},
			&route{method: get, path: in + "messages/{m}/attachments", roles: mayRead, run: listAttachments},
			&route{method: post, path: in + "messages/{m}/attachments", roles: mayWrite, run: addAttachment},
			&route{method: get, path: in + "messages/{m}/attachments/$count", roles: mayRead, run: countAttachments},
			&route{method: post, path: in + "messages/{m}/attachments/createUploadSession", roles: mayWrite, run: createUpload},
			&route{method: get, path: in + "messages/{m}/attachments/{a}", roles: mayRead, run: getAttachment},
			&route{method: del, path: in + "messages/{m}/attachments/{a}", roles: mayWrite, run: deleteAttachment},
			&route{method: get, path: in + "messages/{m}/attachments/{a}/$value", roles: mayRead, run: attachmentValue},
		)
	}
	for _, r := range list {
		if r.path != "" {
			r.segs = strings.Split(r.path, "/")
		}
		r.name = strings.TrimSuffix("/users/{id}/"+strings.NewReplacer("{f}", "{id}", "{m}", "{id}", "{a}", "{id}").Replace(r.path), "/")
	}
	return list
}

// segments splits a path below the version into unescaped segments. Keys in parentheses become segments of their
// own, qualified and bracketed action names short ones: users('a')/messages('b')/microsoft.graph.move.
func segments(path string) ([]string, bool) {
	var out []string
	for s := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		s, err := url.PathUnescape(s)
		if err != nil {
			return nil, false
		}
		if name, key, is := strings.Cut(s, "('"); is && strings.HasSuffix(key, "')") {
			out = append(out, name, strings.ReplaceAll(strings.TrimSuffix(key, "')"), "''", "'"))
			continue
		}
		if rest, is := strings.CutPrefix(s, "microsoft.graph."); is {
			s = rest
		}
		out = append(out, strings.TrimSuffix(s, "()"))
	}
	return out, true
}

// find routes a call: it sets route, user, folder, item and attach. The second result tells an unknown path from a
// known one with another method.
func (c *call) find() bool {
	segs, ok := segments(c.path)
	if !ok || len(segs) < 2 || !strings.EqualFold(segs[0], "users") {
		return false
	}
	c.user = segs[1]
	segs = flatten(segs[2:])
	for _, r := range routes {
		if r.method == c.method && len(r.segs) == len(segs) && (!r.beta || c.version == "beta") && c.matches(r, segs) {
			c.route = r
			return true
		}
	}
	return false
}

// flatten reduces mailFolders/{a}/childFolders/{b}/… to mailFolders/{b}/…: the service takes any folder id there.
func flatten(segs []string) []string {
	for len(segs) >= 4 && strings.EqualFold(segs[0], "mailFolders") && strings.EqualFold(segs[2], "childFolders") &&
		!strings.HasPrefix(segs[3], "$") && !strings.EqualFold(segs[3], "delta") {
		segs = slices.Concat(segs[:1], segs[3:])
	}
	return segs
}

// matches compares segments with a route; letter case of names is ignored (§18a). Literal routes stand before those
// with a variable in the same place, so the first match is the right one.
func (c *call) matches(r *route, segs []string) bool {
	c.folder, c.item, c.attach = "", "", ""
	for i, want := range r.segs {
		switch want {
		case "{f}":
			c.folder = segs[i]
		case "{m}":
			c.item = segs[i]
		case "{a}":
			c.attach = segs[i]
		default:
			if !strings.EqualFold(want, segs[i]) {
				return false
			}
		}
	}
	return true
}
