package probe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// judge sets the verdict after what was expected.
func (c *Check) judge(good bool, format string, args ...any) {
	c.Verdict, c.Found = Differs, fmt.Sprintf(format, args...)
	if good {
		c.Verdict = Assumed
	}
}

// note is for what comes as it comes.
func (c *Check) note(format string, args ...any) {
	c.Verdict, c.Found = Noted, fmt.Sprintf(format, args...)
}

// unclear is for a check whose ground is missing.
func (c *Check) unclear(format string, args ...any) {
	c.Verdict, c.Found = Unclear, fmt.Sprintf(format, args...)
}

func outsideScope(ctx context.Context, p *prober, c *Check) {
	if p.Denied == "" {
		return
	}
	s := p.ask(ctx, "GET", "/users/"+url.PathEscape(p.Denied)+"/mailFolders/inbox?$select=id", nil, nil)
	c.Steps = nil
	c.judge(s.Status == http.StatusForbidden && s.Code == "ErrorAccessDenied", "%s, %q", s, s.Message)
}

func noSuchUser(ctx context.Context, p *prober, c *Check) {
	_, domain, _ := strings.Cut(p.Mailbox, "@")
	s := p.ask(ctx, "GET", "/users/"+url.PathEscape("mail2graph-probe-nobody@"+domain)+"/mailFolders/inbox?$select=id", nil, nil)
	c.judge(s.Status == http.StatusNotFound && s.Code == "ErrorInvalidUser", "an address that nobody has: %s", s)
}

func tooMany(ctx context.Context, p *prober, c *Check) {
	a := p.ask(ctx, "GET", p.dir(p.root)+"/messages?$select=id&$top=1001", nil, nil)
	b := p.ask(ctx, "GET", p.user+"/mailFolders?$select=id&$top=1000", nil, nil)
	c.note("1001 messages: %s; 1000 folders: %s", a, b)
}

func archive(ctx context.Context, p *prober, c *Check) {
	s := p.ask(ctx, "GET", p.user+"/mailFolders/archive?$select=id", nil, nil)
	c.judge(s.ok() || s.Status == http.StatusNotFound, "%s", s)
}

// changeTime looks at PR_LOCAL_COMMIT_TIME_MAX and at mailFolders/delta.
func changeTime(ctx context.Context, p *prober, c *Check) {
	f, s := p.newFolder(ctx, "changes")
	if !s.ok() {
		c.unclear("no folder to work in: %s", s)
		return
	}
	commit := func() string {
		var now folder
		p.ask(ctx, "GET", p.dir(f.ID)+"?$select=id&$expand="+expand("SystemTime 0x670a"), nil, &now)
		return value(now.Props, "SystemTime 0x670a")
	}
	_, link, s := p.walk(ctx, p.user+"/mailFolders/delta?$select=id,displayName")
	deltaWorks := s.ok() && link != ""
	inDelta := func() bool {
		if !deltaWorks {
			return false
		}
		var found []message
		found, link, s = p.walk(ctx, link)
		deltaWorks = s.ok() && link != ""
		for _, row := range found {
			if row.ID == f.ID {
				return true
			}
		}
		return false
	}
	_ = p.Pause(ctx, 2*time.Second) // the time has whole seconds
	before := commit()
	var told []string
	var m message
	for _, change := range []struct {
		name string
		do   func() Step
	}{
		{"arrival", func() (s Step) { m, s = p.newMessage(ctx, f.ID, "arrives", time.Now()); return s }},
		{"read state", func() Step { return p.ask(ctx, "PATCH", p.msg(m.ID), map[string]any{"isRead": true}, nil) }},
		{"extended property", func() Step {
			return p.ask(ctx, "PATCH", p.msg(m.ID), map[string]any{"singleValueExtendedProperties": []property{imapDeleted("1")}}, nil)
		}},
	} {
		if change.name != "arrival" && m.ID == "" {
			break
		}
		if s := change.do(); !s.ok() {
			told = append(told, fmt.Sprintf("%s: not to be had, %s", change.name, s))
			continue
		}
		_ = p.Pause(ctx, 3*time.Second)
		after := commit()
		told = append(told, fmt.Sprintf("%s: time moves %v, row in the delta of folders %v", change.name, after != before, inDelta()))
		before = after
	}
	if before == "" {
		told = append(told, "the property does not come at all")
	}
	c.note("%s", strings.Join(told, "; "))
}

func imapDeleted(v string) property {
	return property{"Integer {00062008-0000-0000-c000-000000000046} Id 0x8570", v}
}

func names(ctx context.Context, p *prober, c *Check) {
	_, slash := p.newFolder(ctx, "a/b")
	p.newFolder(ctx, "a")
	_, letterCase := p.newFolder(ctx, "A")
	_, long := p.newFolder(ctx, strings.Repeat("n", 300))
	c.judge(slash.ok() && letterCase.Status == http.StatusConflict && !long.ok(), `"a/b": %s; "A" beside "a": %s; 300 characters: %s`, slash, letterCase, long)
}

func deleteFolder(ctx context.Context, p *prober, c *Check) {
	f, s := p.newFolder(ctx, "to be deleted")
	g, t := p.newFolder(ctx, "to be moved")
	if !s.ok() || !t.ok() {
		c.unclear("no folder to work with: %s, %s", s, t)
		return
	}
	var moved folder
	move := p.ask(ctx, "POST", p.dir(g.ID)+"/move", map[string]any{"destinationId": f.ID}, &moved)
	del := p.ask(ctx, "DELETE", p.dir(f.ID), nil, nil)
	var now folder
	look := p.ask(ctx, "GET", p.dir(f.ID)+idOnly, nil, &now)
	where := "gone (" + look.String() + ")"
	if look.ok() {
		where = p.where(ctx, now.Parent)
		p.purge(ctx, p.dir(f.ID))
	}
	c.judge(move.ok() && moved.ID == g.ID && del.Status == http.StatusNoContent && where == "deleteditems",
		"move: %s, id kept %v; DELETE: %s, then in: %s", move, moved.ID == g.ID, del, where)
}

func folderSize(ctx context.Context, p *prober, c *Check) {
	var f folder
	s := p.ask(ctx, "GET", p.dir(p.root)+"?$select=id&$expand="+expand("Long 0x0e08"), nil, &f)
	if !s.ok() {
		c.unclear("%s", s)
		return
	}
	c.note("value %q", value(f.Props, "Long 0x0e08"))
}
