package probe

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const idOnly = "?$select=id,parentFolderId"

func (p *prober) msg(id string) string { return p.user + "/messages/" + url.PathEscape(id) }
func (p *prober) dir(id string) string { return p.user + "/mailFolders/" + url.PathEscape(id) }

// newFolder makes a folder below ours.
func (p *prober) newFolder(ctx context.Context, name string) (folder, Step) {
	var f folder
	s := p.ask(ctx, "POST", p.dir(p.root)+"/childFolders", map[string]any{"displayName": name, "isHidden": false}, &f)
	return f, s
}

// newMessage makes a message that is no draft in a folder: JSON with
// PidTagMessageFlags in the creating POST.
func (p *prober) newMessage(ctx context.Context, in, subject string, received time.Time) (message, Step) {
	var m message
	s := p.ask(ctx, "POST", p.dir(in)+"/messages", map[string]any{
		"subject": subject, "isRead": false, "body": map[string]any{"contentType": "text", "content": "A message of mail2graph doctor --probe.\r\n"},
		"singleValueExtendedProperties": []property{
			{"Integer 0x0E07", "4"}, {"SystemTime 0x0E06", received.UTC().Format(time.RFC3339)},
		},
	}, &m)
	p.keep(m.ID)
	return m, s
}

// newDraft makes a draft of MIME, which the service puts into Drafts.
func (p *prober) newDraft(ctx context.Context, text string) (message, Step) {
	var m message
	s := p.ask(ctx, "POST", p.user+"/messages", []byte(base64.StdEncoding.EncodeToString([]byte(text))), &m)
	p.keep(m.ID)
	return m, s
}

// get reads a message with some properties.
func (p *prober) get(ctx context.Context, id string, props ...string) (message, Step) {
	var m message
	target := p.msg(id) + "?$select=id,parentFolderId,isRead,isDraft,subject,receivedDateTime"
	if len(props) > 0 {
		target += "&$expand=" + expand(props...)
	}
	s := p.ask(ctx, "GET", target, nil, &m)
	return m, s
}

// expand asks for extended properties, in a form for a URL.
func expand(props ...string) string {
	terms := make([]string, len(props))
	for i, id := range props {
		terms[i] = "id eq '" + id + "'"
	}
	return "singleValueExtendedProperties(" + strings.ReplaceAll(url.PathEscape("$filter="+strings.Join(terms, " or ")), "+", "%2B") + ")"
}

// value finds a property whatever way its id is written.
func value(props []property, id string) string {
	kind, tag, _ := strings.Cut(strings.ToLower(id), " 0x")
	for _, p := range props {
		k, t, _ := strings.Cut(strings.ToLower(p.ID), " 0x")
		if k == kind && strings.TrimLeft(t, "0") == strings.TrimLeft(tag, "0") {
			return p.Value
		}
	}
	return ""
}

// text reads a message's MIME.
func (p *prober) text(ctx context.Context, id string, headers ...string) ([]byte, Step) {
	var raw []byte
	s := p.ask(ctx, "GET", p.msg(id)+"/$value", nil, &raw, headers...)
	return raw, s
}

// walk reads a delta round to its end.
func (p *prober) walk(ctx context.Context, link string) (all []message, next string, last Step) {
	for range 50 {
		var r rows
		last = p.ask(ctx, "GET", link, nil, &r, "Prefer", "odata.maxpagesize=50")
		if !last.ok() {
			return all, "", last
		}
		all = append(all, r.Value...)
		if r.DeltaLink != "" {
			return all, r.DeltaLink, last
		}
		if link = r.NextLink; link == "" {
			return all, "", last
		}
	}
	return all, "", last
}

func (p *prober) keep(id string) {
	if id != "" {
		p.made = append(p.made, id)
	}
}

// where names the folder of a message as far as it is of interest.
func (p *prober) where(ctx context.Context, parent string) string {
	if parent == p.root {
		return "the probe's folder"
	}
	for _, name := range []string{"deleteditems", "recoverableitemsdeletions", "drafts", "inbox", "sentitems"} {
		var f folder
		if s := p.ask(ctx, "GET", p.user+"/mailFolders/"+name+"?$select=id", nil, &f); s.ok() && f.ID == parent {
			return name
		}
	}
	return "some other folder"
}

// removeAll takes away what was made: messages first, as they may lie elsewhere, then
// the folder with all below it. Both for good where the service can, and where
// it puts the folder below Deleted Items, from there too.
func (p *prober) removeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	slices.Reverse(p.made)
	for _, id := range p.made {
		if s, gone := p.purge(ctx, p.msg(id)); !gone {
			p.report.Left = append(p.report.Left, fmt.Sprintf("a message of the probe: %s", s))
		}
	}
	if p.root == "" {
		return
	}
	if s, gone := p.purge(ctx, p.dir(p.root)); !gone {
		p.report.Left = append(p.report.Left, fmt.Sprintf("the folder %q: %s", p.Name, s))
	}
}

// purge removes a message or folder for good, or as far as the service lets it: a plain
// DELETE leads to Deleted Items first, and from there to where things are recoverable.
// Where there is no permanentDelete the answer is a 404 too, with another code.
func (p *prober) purge(ctx context.Context, target string) (last Step, gone bool) {
	last = p.ask(ctx, "POST", target+"/permanentDelete", nil, nil)
	if last.ok() || last.Code == "ErrorItemNotFound" {
		return last, true
	}
	last = p.ask(ctx, "DELETE", target, nil, nil)
	if last.ok() {
		p.ask(ctx, "DELETE", target, nil, nil)
	}
	// What is among the recoverable items already cannot be deleted by anybody.
	return last, last.ok() || last.Status == http.StatusNotFound || last.Code == "ErrorCannotDeleteObject"
}

// FolderName is a name that no folder has.
func FolderName() string { return "mail2graph probe " + rand.Text()[:12] }
