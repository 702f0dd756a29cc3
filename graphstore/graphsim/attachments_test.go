package graphsim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func fileBody(name string, data []byte, more ...any) m {
	b := m{"@odata.type": "#microsoft.graph.fileAttachment", "name": name, "contentType": "application/pdf", "contentBytes": b64(data)}
	for i := 0; i+1 < len(more); i += 2 {
		b[more[i].(string)] = more[i+1]
	}
	return b
}

func TestAttachments(t *testing.T) {
	c, mb := newClient(t, Options{})
	id := c.want(201, "POST", "/messages", m{"subject": "x", "body": m{"contentType": "html", "content": "<img src=cid:pic>"}}).str("id")
	c.want(201, "POST", "/messages/"+id+"/attachments", fileBody("pic.png", []byte{0, 1, 2}, "isInline", true, "contentId", "pic", "contentType", "image/png"))
	r := c.want(200, "GET", "/messages/"+id, nil)
	equal(t, "hasAttachments with an inline one alone", r.at("hasAttachments"), any(false))
	a := c.want(201, "POST", "/messages/"+id+"/attachments", fileBody("bericht ä.pdf", []byte("%PDF"))).str("id")
	r = c.want(200, "GET", "/messages/"+id+"?$expand=attachments($select=id,name)", nil)
	equal(t, "hasAttachments", r.at("hasAttachments"), any(true))
	equal(t, "expanded name", r.str("attachments.1.name"), "bericht ä.pdf")
	equal(t, "expanded content", r.at("attachments.1.contentBytes"), nil)
	r = c.want(200, "GET", "/messages/"+id+"/attachments/"+a, nil)
	equal(t, "content", r.str("contentBytes"), b64([]byte("%PDF")))
	equal(t, "raw", string(c.want(200, "GET", "/messages/"+id+"/attachments/"+a+"/$value", nil).text), "%PDF")

	p := parseMIME(c.want(200, "GET", "/messages/"+id+"/$value", nil).text)
	if p.ctype != "multipart/mixed" || p.parts[0].ctype != "multipart/related" || p.parts[0].parts[0].ctype != "multipart/alternative" || p.parts[1].name != "bericht ä.pdf" {
		t.Errorf("structure: %s of %d", p.ctype, len(p.parts))
	}
	c.want(204, "DELETE", "/messages/"+id+"/attachments/"+a, nil)
	c.wantCode(404, "ErrorItemNotFound", "GET", "/messages/"+id+"/attachments/"+a, nil)
	v, _ := mb.Message(id)
	equal(t, "left", v.Attachments, 1)
	c.want(413, "POST", "/messages/"+id+"/attachments", fileBody("big", make([]byte, maxAttachment+1)))
}

func TestAttachmentsOfMIME(t *testing.T) {
	c, mb := newClient(t, Options{})
	inner := "Subject: inner\r\n\r\nhello\r\n"
	raw := "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + inner +
		"\r\n--b\r\nContent-Disposition: attachment; filename*=utf-8''%C3%A4.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n"
	id, err := mb.Deliver([]byte(raw), DeliverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := c.want(200, "GET", "/messages/"+id+"/attachments", nil)
	equal(t, "names", strings.Join(r.column("name"), "|"), "inner|ä.bin")
	equal(t, "types", strings.Join(r.column("@odata.type"), " "), "#microsoft.graph.itemAttachment #microsoft.graph.fileAttachment")
	equal(t, "count", string(c.want(200, "GET", "/messages/"+id+"/attachments/$count", nil).text), "2")
	equal(t, "MIME of the item", string(c.want(200, "GET", "/messages/"+id+"/attachments/"+r.column("id")[0]+"/$value", nil).text), inner)
	equal(t, "original", string(c.want(200, "GET", "/messages/"+id+"/$value", nil).text), raw)
}

// put sends a chunk to an upload URL.
func put(t *testing.T, s http.Handler, method, target string, chunk []byte, header ...string) response {
	t.Helper()
	c := &client{t: t, s: s.(*Server)}
	h := append([]string{"Authorization", "", "Content-Type", "", "Content-Type", "application/octet-stream"}, header...)
	return c.do(method, target, chunk, h...)
}

func TestUploadSession(t *testing.T) {
	clk := &clock{start}
	c, mb := newClient(t, Options{Now: clk.now, Limits: Limits{AttachmentSize: 10 << 20}})
	id := c.want(201, "POST", "/messages", m{"subject": "x"}).str("id")
	open := func(size int) response {
		return c.do("POST", "/messages/"+id+"/attachments/createUploadSession", m{"AttachmentItem": m{"attachmentType": "file", "name": "f.bin", "size": size}})
	}
	small := open(maxAttachment - 1)
	equal(t, "small", small.str("error.code"), "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize")
	equal(t, "huge", open(10<<20+1).status, 413)
	data := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	r := open(len(data))
	equal(t, "status", r.status, 201)
	target := r.str("uploadUrl")
	equal(t, "first range", r.str("nextExpectedRanges.0"), "0-")

	chunk := func(from, to int) []string {
		return []string{"Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data))}
	}
	equal(t, "with Authorization", c.do("PUT", target, data[:4], chunk(0, 4)...).status, 401)
	equal(t, "out of order", put(t, c.s, "PUT", target, data[8:16], chunk(8, 16)...).status, 416)
	equal(t, "wrong length", put(t, c.s, "PUT", target, data[:9], chunk(0, 8)...).status, 400)
	equal(t, "too much at once", put(t, c.s, "PUT", target, data[:4<<20+1], chunk(0, 4<<20+1)...).status, 413)
	half := put(t, c.s, "PUT", target, data[:3<<20], chunk(0, 3<<20)...)
	equal(t, "half", half.status, 200)
	equal(t, "next range", half.str("NextExpectedRanges.0"), fmt.Sprint(3<<20))
	equal(t, "wrong token", put(t, c.s, "PUT", target+"x", data[3<<20:], chunk(3<<20, len(data))...).status, 401)
	last := put(t, c.s, "PUT", target, data[3<<20:], chunk(3<<20, len(data))...)
	equal(t, "last", last.status, 201)
	equal(t, "last body", len(last.text), 0)
	equal(t, "location", strings.Contains(last.header.Get("Location"), "/Attachments('"), true)
	list := c.want(200, "GET", "/messages/"+id+"/attachments?$select=name,size", nil)
	equal(t, "name", strings.Join(list.column("name"), ""), "f.bin")
	v, _ := mb.Message(id)
	equal(t, "attachments", v.Attachments, 1)
	equal(t, "finished session", put(t, c.s, "PUT", target, data[:4], chunk(0, 4)...).status, 404)

	target = open(len(data)).str("uploadUrl")
	equal(t, "cancelled", put(t, c.s, "DELETE", target, nil).status, 204)
	equal(t, "after that", put(t, c.s, "PUT", target, data[:4], chunk(0, 4)...).status, 404)
	target = open(len(data)).str("uploadUrl")
	clk.t = clk.t.Add(4 * 24 * time.Hour)
	equal(t, "expired", put(t, c.s, "PUT", target, data[:4], chunk(0, 4)...).status, 404)
}

func TestUploadGoesToAnotherHost(t *testing.T) {
	r := NewTest(t, Options{Open: true})
	if _, err := r.AddMailbox(anna, MailboxOptions{}); err != nil {
		t.Fatal(err)
	}
	web := r.Client()
	defer web.CloseIdleConnections()
	post := func(target, body string) response {
		resp, err := web.Post(r.URL+"/v1.0/users/"+anna+target, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return decodeResponse(t, resp, text)
	}
	id := post("/messages", `{"subject":"x"}`).str("id")
	u := post("/messages/"+id+"/attachments/createUploadSession", `{"AttachmentItem":{"attachmentType":"file","name":"f","size":4000000}}`).str("uploadUrl")
	if !strings.HasPrefix(u, "https://localhost:") || strings.HasPrefix(u, r.URL) {
		t.Errorf("upload URL %s, service %s", u, r.URL)
	}
	req, _ := http.NewRequest("PUT", u, bytes.NewReader(make([]byte, 4000000)))
	req.Header.Set("Content-Range", "bytes 0-3999999/4000000")
	resp, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	equal(t, "status", resp.StatusCode, 201)
	equal(t, "uploads counted apart", r.Count(), 2)
}
