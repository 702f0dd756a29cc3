package graphstore

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// discoveryPath is where a login service tells its endpoints (OpenID Connect Discovery
// 1.0 §4), below the tenant.
const discoveryPath = "/v2.0/.well-known/openid-configuration"

// discovered are the members that MSAL wants. Graph's documentation names the token
// endpoint itself (graph/auth-v2-service), and who writes a stand-in by it may have no
// discovery, or one with that member alone.
var discovered = map[string]string{
	"token_endpoint":                "/oauth2/v2.0/token",
	"authorization_endpoint":        "/oauth2/v2.0/authorize",
	"device_authorization_endpoint": "/oauth2/v2.0/devicecode",
	"issuer":                        "/v2.0",
}

// completeDiscovery adds to a discovery what it lacks, all where there is none. What it
// tells stays as it is; resp is unchanged where it is an answer of another kind.
func completeDiscovery(req *http.Request, resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return err
	}
	told := map[string]any{}
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
	case http.StatusOK:
		if json.Unmarshal(body, &told) != nil {
			return nil
		}
	default:
		return nil
	}
	if told == nil { // "null"
		return nil
	}
	tenant := req.URL.Scheme + "://" + req.URL.Host + strings.TrimSuffix(req.URL.Path, discoveryPath)
	for name, path := range discovered {
		if v, ok := told[name].(string); !ok || v == "" {
			told[name] = tenant + path
		}
	}
	if body, err = json.Marshal(told); err != nil {
		return err
	}
	resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Type", "application/json")
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
