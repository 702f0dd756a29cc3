package graphstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// RawAnswer is what the service said, whatever it was.
type RawAnswer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Raw makes one request as it stands and returns the answer as it is: no retry, no
// translation. It is for finding out how a service behaves, and for nothing else.
// target is "/users/…", "/beta/users/…", or a link that the service gave, on its host.
func (c *Client) Raw(ctx context.Context, method, target string, header http.Header, body []byte) (*RawAnswer, error) {
	u, err := c.rawURL(target)
	if err != nil {
		return nil, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	var id [16]byte
	rand.Read(id[:]) // never fails: crypto/rand since Go 1.24
	req.Header.Set("client-request-id", hex.EncodeToString(id[:]))
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	return &RawAnswer{Status: resp.StatusCode, Header: resp.Header, Body: text}, err
}

// rawURL makes a target absolute; the token goes to no other host than Graph's.
func (c *Client) rawURL(target string) (string, error) {
	if rest, ok := strings.CutPrefix(target, "/beta/"); ok {
		return c.base.Scheme + "://" + c.base.Host + "/beta/" + rest, nil
	}
	if strings.HasPrefix(target, "/") {
		return c.base.String() + target, nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	if u.Scheme != c.base.Scheme || u.Host != c.base.Host {
		return "", fmt.Errorf("a link to %s, not to %s: %w", u.Host, c.base.Host, errors.ErrUnsupported)
	}
	return target, nil
}
