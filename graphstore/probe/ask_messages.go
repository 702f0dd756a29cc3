package probe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// withMessage is for checks that need one message of their own.
func withMessage(ctx context.Context, p *prober, c *Check, subject string) (message, bool) {
	m, s := p.newMessage(ctx, p.root, subject, time.Now().Add(-time.Hour))
	if !s.ok() || m.ID == "" {
		c.unclear("no message to work with: %s", s)
		return m, false
	}
	return m, true
}

func (p *prober) patch(ctx context.Context, id string, body map[string]any, headers ...string) Step {
	return p.ask(ctx, "PATCH", p.msg(id), body, nil, headers...)
}

func staleMatch(ctx context.Context, p *prober, c *Check) {
	m, ok := withMessage(ctx, p, c, "stale")
	if !ok {
		return
	}
	if m.ETag == "" {
		c.unclear("the answer has no @odata.etag")
		return
	}
	p.patch(ctx, m.ID, map[string]any{"categories": []string{"Red"}})
	s := p.patch(ctx, m.ID, map[string]any{"isRead": true}, "If-Match", m.ETag)
	c.judge(s.Status == http.StatusPreconditionFailed, "%s", s)
}

// pages lists with two on a page, and lets one arrive after the first.
func pages(ctx context.Context, p *prober, c *Check) {
	f, s := p.newFolder(ctx, "pages")
	if !s.ok() {
		c.unclear("no folder to work in: %s", s)
		return
	}
	base := time.Now().Add(-time.Hour)
	for _, i := range []int{2, 0, 4, 1, 3} { // not in the order of their times
		if _, s := p.newMessage(ctx, f.ID, fmt.Sprint("page ", i), base.Add(time.Duration(i)*time.Minute)); !s.ok() {
			c.unclear("message %d: %s", i, s)
			return
		}
	}
	var subjects []string
	seen := map[string]bool{}
	double, late := 0, false
	for link := p.dir(f.ID) + "/messages?$select=id,subject,receivedDateTime&$top=2"; link != "" && len(subjects) < 20; {
		var r rows
		if s := p.ask(ctx, "GET", link, nil, &r); !s.ok() {
			c.unclear("page: %s", s)
			return
		}
		for _, m := range r.Value {
			if seen[m.ID] {
				double++
			}
			seen[m.ID] = true
			subjects = append(subjects, strings.TrimPrefix(m.Subject, "page "))
		}
		if !late {
			late = true
			p.newMessage(ctx, f.ID, "page 5", base.Add(5*time.Minute))
		}
		link = r.NextLink
	}
	missed := 0
	for i := range 5 {
		if !slices.Contains(subjects, fmt.Sprint(i)) {
			missed++
		}
	}
	order := "in no order of time"
	if slices.IsSortedFunc(subjects, func(a, b string) int { return strings.Compare(b, a) }) {
		order = "newest first"
	}
	c.note("%s: %s; of five, %d came twice and %d not at all, when a sixth arrived after the first page", order, strings.Join(subjects, " "), double, missed)
}

func quietChange(ctx context.Context, p *prober, c *Check) {
	f, s := p.newFolder(ctx, "quiet")
	if !s.ok() {
		c.unclear("no folder to work in: %s", s)
		return
	}
	m, s := p.newMessage(ctx, f.ID, "quiet", time.Now())
	if !s.ok() {
		c.unclear("no message to work with: %s", s)
		return
	}
	_, link, s := p.walk(ctx, p.dir(f.ID)+"/messages/delta?$select=id,isRead")
	if link == "" {
		c.unclear("the delta has no end: %s", s)
		return
	}
	if s := p.patch(ctx, m.ID, map[string]any{"singleValueExtendedProperties": []property{imapDeleted("1")}}); !s.ok() {
		c.unclear("the property cannot be set: %s", s)
		return
	}
	_ = p.Pause(ctx, 10*time.Second)
	found, _, s := p.walk(ctx, link)
	if !s.ok() {
		c.unclear("the next round: %s", s)
		return
	}
	c.note("%d row(s)", len(found))
}

func badToken(ctx context.Context, p *prober, c *Check) {
	_, link, s := p.walk(ctx, p.dir(p.root)+"/messages/delta?$select=id")
	u, err := url.Parse(link)
	if err != nil || link == "" {
		c.unclear("no delta link: %s", s)
		return
	}
	q := u.Query()
	key := "$deltatoken"
	for name := range q {
		if strings.Contains(strings.ToLower(name), "deltatoken") {
			key = name
		}
	}
	token := q.Get(key)
	q.Set(key, token[:len(token)/2]+"x")
	u.RawQuery = q.Encode()
	s = p.ask(ctx, "GET", u.String(), nil, nil)
	c.judge(s.Status == http.StatusGone || s.Status == http.StatusBadRequest, "%s, Location %q", s, s.Headers["Location"])
}

func headers(ctx context.Context, p *prober, c *Check) {
	create := func(names ...string) Step {
		var list []map[string]string
		for _, name := range names {
			list = append(list, map[string]string{"name": name, "value": "1"})
		}
		var m message
		s := p.ask(ctx, "POST", p.dir(p.root)+"/messages", map[string]any{"subject": "headers", "internetMessageHeaders": list}, &m)
		p.keep(m.ID)
		return s
	}
	five := create("x-a", "x-b", "x-c", "x-d", "x-e")
	six := create("x-a", "x-b", "x-c", "x-d", "x-e", "x-f")
	other := create("List-Id")
	c.judge(five.ok() && !six.ok() && !other.ok(), "five x-: %s; six x-: %s; List-Id: %s", five, six, other)
}

func attachments(ctx context.Context, p *prober, c *Check) {
	m, ok := withMessage(ctx, p, c, "attachments")
	if !ok {
		return
	}
	small := p.ask(ctx, "POST", p.msg(m.ID)+"/attachments", map[string]any{
		"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain", "contentBytes": "dGV4dA==",
	}, nil)
	session := p.ask(ctx, "POST", p.msg(m.ID)+"/attachments/createUploadSession", map[string]any{
		"AttachmentItem": map[string]any{"attachmentType": "file", "name": "b.bin", "size": 4 << 20},
	}, nil)
	c.judge(small.Status == http.StatusCreated && session.Status == http.StatusCreated, "POST attachments: %s; upload session: %s", small, session)
}

func sensitive(ctx context.Context, p *prober, c *Check) {
	m, ok := withMessage(ctx, p, c, "sensitive")
	if !ok {
		return
	}
	prop := func(x property) map[string]any {
		return map[string]any{"singleValueExtendedProperties": []property{x}}
	}
	var told []string
	good := true
	for _, change := range []struct {
		name string
		body map[string]any
		free bool // mail2graph does it
	}{
		{"isRead", map[string]any{"isRead": true}, true},
		{"flag", map[string]any{"flag": map[string]any{"flagStatus": "flagged"}}, true},
		{"categories", map[string]any{"categories": []string{"Red"}}, true},
		{"0x1081", prop(property{"Integer 0x1081", "102"}), true},
		{"0x8570", prop(imapDeleted("1")), false},
		{"subject", map[string]any{"subject": "another"}, false},
	} {
		s := p.patch(ctx, m.ID, change.body)
		told = append(told, change.name+": "+s.String())
		good = good && (s.ok() || !change.free)
	}
	now, s := p.get(ctx, m.ID)
	if s.ok() && now.Draft != nil {
		told = append(told, fmt.Sprintf("made with 0x0E07 it is a draft: %v", *now.Draft))
		good = good && !*now.Draft
	}
	c.judge(good, "%s", strings.Join(told, "; "))
}

func deleteMessage(ctx context.Context, p *prober, c *Check) {
	m, ok := withMessage(ctx, p, c, "to be deleted")
	if !ok {
		return
	}
	place := func() string {
		now, s := p.get(ctx, m.ID)
		if !s.ok() {
			return s.String()
		}
		return p.where(ctx, now.Parent)
	}
	first := p.ask(ctx, "DELETE", p.msg(m.ID), nil, nil)
	then := place()
	second := p.ask(ctx, "DELETE", p.msg(m.ID), nil, nil)
	last := place()
	other, ok := withMessage(ctx, p, c, "to be purged")
	if !ok {
		return
	}
	purge := p.ask(ctx, "POST", p.msg(other.ID)+"/permanentDelete", nil, nil)
	_, after := p.get(ctx, other.ID)
	c.judge(first.ok() && then == "deleteditems" && second.ok() && purge.ok() && after.Status == http.StatusNotFound,
		"DELETE: %s, then in %s; again: %s, then in %s; permanentDelete: %s, then %s", first, then, second, last, purge, after)
}

func articleNumber(ctx context.Context, p *prober, c *Check) {
	m, ok := withMessage(ctx, p, c, "numbered")
	if !ok {
		return
	}
	f, s := p.newFolder(ctx, "there and back")
	const id = "Integer 0x0e23"
	var told []string
	number := func(when string) {
		now, s := p.get(ctx, m.ID, id)
		v := value(now.Props, id)
		if !s.ok() {
			v = s.String()
		} else if v == "" {
			v = "absent"
		}
		told = append(told, when+": "+v)
	}
	number("at once")
	_ = p.Pause(ctx, 5*time.Second)
	number("later")
	p.patch(ctx, m.ID, map[string]any{"isRead": true, "flag": map[string]any{"flagStatus": "flagged"}})
	number("after a flag")
	p.patch(ctx, m.ID, map[string]any{"categories": []string{"Red"}})
	number("after categories")
	if s.ok() {
		p.ask(ctx, "POST", p.msg(m.ID)+"/move", map[string]any{"destinationId": f.ID}, nil)
		number("elsewhere")
		p.ask(ctx, "POST", p.msg(m.ID)+"/move", map[string]any{"destinationId": p.root}, nil)
		number("back")
	}
	c.note("%s", strings.Join(told, ", "))
}
