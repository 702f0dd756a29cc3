package graphsim

import (
	"net/http"
	"slices"
)

// getMessage is api/message-get.
func getMessage(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	props, err := selected(c.option("$select"))
	if err != nil {
		return nil, err
	}
	x, err := parseExpand(c.option("$expand"))
	if err != nil {
		return nil, err
	}
	return ok(c.withContext("/messages/$entity", c.row(m, props, x))), nil
}

// updateMessage is api/message-update, §7.4.
func updateMessage(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	if err := c.ifMatch(m); err != nil {
		return nil, err
	}
	b, err := c.parseMessage(c.body)
	if err != nil {
		return nil, err
	}
	content := b.touchesContent()
	if !m.draft {
		if err := c.locked(b, content); err != nil {
			return nil, err
		}
		content = content && c.mayAdvanced()
	}
	if b.IsRead != nil {
		m.setRead(*b.IsRead)
	}
	if kind, changed := b.applyState(m); changed {
		m.touch(kind)
	}
	if content {
		m.materialise()
		b.applyContent(m)
		m.touch(changeContent)
	}
	props, _ := selected("")
	return ok(c.withContext("/messages/$entity", c.row(m, props, nil))), nil
}

// mayAdvanced reports whether the app may change the content of messages that are not drafts (§7.3).
func (c *call) mayAdvanced() bool {
	return c.token != nil && slices.Contains(c.token.roles, "Mail-Advanced.ReadWrite.All")
}

// locked refuses what the mode refuses on messages that are not drafts; without it content is ignored in silence.
func (c *call) locked(b *messageBody, content bool) *apiError {
	modes := &c.srv.modes
	if c.mayAdvanced() || !(modes.SensitiveLocked && content || modes.ExtendedLocked && len(b.ext) > 0) {
		return nil
	}
	return fail(http.StatusForbidden, "ErrorAccessDenied", "Updating sensitive properties of a message that is not a draft requires Mail-Advanced.ReadWrite.All.")
}

// moveMessage is api/message-move: the answer carries the id that the message has now.
func moveMessage(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	to, err := c.destination()
	if err != nil {
		return nil, err
	}
	m.moveTo(to)
	props, _ := selected("")
	return created(c.withContext("/messages/$entity", c.row(m, props, nil))), nil
}

// copyMessage is api/message-copy.
func copyMessage(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	to, err := c.destination()
	if err != nil {
		return nil, err
	}
	if err := c.quota(m.storeSize()); err != nil {
		return nil, err
	}
	props, _ := selected("")
	return created(c.withContext("/messages/$entity", c.row(m.copyTo(to), props, nil))), nil
}

// deleteMessage is api/message-delete. Where the message goes is not documented (check C22): to Deleted Items, from
// there to the recoverable items, and from those nowhere.
func deleteMessage(c *call) (*reply, *apiError) {
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	if err := c.ifMatch(m); err != nil {
		return nil, err
	}
	trash, dumpster := c.mb.known["deleteditems"], c.mb.known["recoverableitemsdeletions"]
	switch {
	case m.folder == dumpster:
		return nil, fail(http.StatusForbidden, "ErrorCannotDeleteObject", "The object cannot be deleted.")
	case m.folder.within(trash):
		m.moveTo(dumpster)
	default:
		m.moveTo(trash)
	}
	return noContent(), nil
}

// purgeMessage is api/message-permanentdelete.
func purgeMessage(c *call) (*reply, *apiError) {
	if c.srv.modes.NoPermanentDelete {
		return nil, errNoSegment("permanentDelete")
	}
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	m.remove()
	return noContent(), nil
}

// translateIDs is api/user-translateexchangeids for the two forms that REST knows (graph/outlook-immutable-id).
func translateIDs(c *call) (*reply, *apiError) {
	var body struct {
		InputIDs []string `json:"inputIds"`
		Source   string   `json:"sourceIdType"`
		Target   string   `json:"targetIdType"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if len(body.InputIDs) > 1000 || !oneOf(body.Source, "restId", "restImmutableEntryId") || !oneOf(body.Target, "restId", "restImmutableEntryId") {
		return nil, errBadRequest("The id types or the number of ids are not supported.")
	}
	rows := []object{}
	for _, id := range body.InputIDs {
		m, err := c.mb.findMessage(id)
		if err != nil {
			rows = append(rows, object{{"sourceId", id}, {"errorDetails", object{{"code", err.Code}, {"message", err.Message}}}})
			continue
		}
		rows = append(rows, object{{"sourceId", id}, {"targetId", m.id(oneOf(body.Target, "restImmutableEntryId"))}})
	}
	return ok(object{{"@odata.context", c.base + "/v1.0/$metadata#Collection(microsoft.graph.convertIdResult)"}, {"value", rows}}), nil
}

// getUser is api/user-get, for apps that may read the directory.
func getUser(c *call) (*reply, *apiError) {
	return ok(object{
		{"@odata.context", c.base + "/v1.0/$metadata#users/$entity"}, {"id", c.mb.id}, {"displayName", c.mb.opts.DisplayName},
		{"mail", c.mb.address}, {"userPrincipalName", c.mb.address},
	}), nil
}

// getSettings is api/user-get-mailboxsettings, the part about language and time.
func getSettings(c *call) (*reply, *apiError) {
	locale := c.mb.opts.Locale
	if locale == "" {
		locale = "en-US"
	}
	return ok(c.withContext("/mailboxSettings", object{
		{"archiveFolder", c.archiveID()}, {"timeZone", "UTC"},
		{"language", object{{"locale", locale}, {"displayName", locale}}},
	})), nil
}

func (c *call) archiveID() any {
	if f := c.mb.known["archive"]; f != nil {
		return f.id()
	}
	return nil
}
