package graphstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"mail2graph/bridge"
)

// tokenExchange is the last exchange with the token endpoint: azidentity's own
// error keeps neither a network error nor a short text.
type tokenExchange struct {
	status int
	body   []byte
	err    error // of the network
	local  error // of a file that was to be sent
}

type tokenExchangeKey struct{}

// recordingTransport is the HTTP client of azidentity.
type recordingTransport struct {
	hc      *http.Client
	foreign bool // the operator named another login service than Microsoft's
}

// Do runs one request of azidentity and notes its outcome in the context's
// tokenExchange.
func (t recordingTransport) Do(req *http.Request) (*http.Response, error) {
	rec, _ := req.Context().Value(tokenExchangeKey{}).(*tokenExchange)
	resp, err := t.hc.Do(req)
	if err == nil && t.foreign && strings.HasSuffix(req.URL.Path, discoveryPath) {
		err = completeDiscovery(req, resp)
	}
	if rec == nil {
		return resp, err
	}
	*rec = tokenExchange{err: err, local: rec.local}
	if err != nil {
		return nil, err
	}
	rec.status = resp.StatusCode
	rec.body, rec.err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(rec.body))
	return resp, rec.err
}

// explain turns the failed exchange into an *Error. Programs decide on "error"
// alone; the AADSTS number chooses the help text
// (entra/identity-platform/reference-error-codes).
func (x *tokenExchange) explain(err error, c Credential) error {
	e := &Error{Op: "token", Status: x.status, kind: bridge.ErrUnavailable, notSent: true, transient: true}
	switch {
	case x.local != nil:
		e.Status, e.Message = 0, x.local.Error()
		e.signIn = errors.Is(x.local, errNoSignIn)
		return e.refuse()
	case x.err != nil && c.host:
		e.Message = "the service for managed identities of this machine cannot be reached; is it in Azure, with an identity?"
		return e.fromNetwork(x.err)
	case x.err != nil:
		return e.fromNetwork(x.err)
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
		TraceID     string `json:"trace_id"`
	}
	if json.Unmarshal(x.body, &answer) != nil || answer.Error == "" {
		switch {
		case x.status == 0: // refused by azidentity itself, before any request
			e.Message = clip(err.Error())
			return e.refuse()
		case x.status < 300:
			e.Message = "unexpected answer of the login service: " + clip(err.Error())
		default:
			e.Message = clip(plainText(x.body))
		}
		if c.host && !x.passes(c) && x.status >= 400 {
			return e.refuse()
		}
		return e
	}
	e.Code, e.RequestID = answer.Error, answer.TraceID
	e.Message = clip(firstLine(answer.Description))
	switch strings.ToLower(answer.Error) {
	case "temporarily_unavailable", "throttling", "server_error", "service_not_available", "slow_down":
		return e
	}
	if x.passes(c) {
		return e
	}
	switch strings.ToLower(answer.Error) {
	case "invalid_grant", "interaction_required", "login_required", "consent_required":
		e.signIn = c.user && !slices.Contains(answer.Codes, tooManyRequests)
	}
	for _, code := range answer.Codes {
		if help := c.cure(code); help != "" {
			e.Message, e.cured = fmt.Sprintf("AADSTS%d: %s", code, help), true
			break
		}
	}
	return e.refuse()
}

// passes reports a status after which the same request may succeed. A machine
// answers 404 and 410 while it starts or is updated
// (entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
func (x *tokenExchange) passes(c Credential) bool {
	return x.status == http.StatusTooManyRequests || x.status >= 500 ||
		c.host && (x.status == http.StatusNotFound || x.status == http.StatusGone)
}

// refuse makes e a refusal that stays until somebody changes something.
func (e *Error) refuse() *Error {
	e.kind, e.transient = bridge.ErrCredentials, false
	return e
}

// cure is what the operator can do about a refusal, for the log.
func cure(err error) string {
	var e *Error
	if errors.As(err, &e) && (e.cured || e.Status == 0) {
		return e.Message
	}
	return "the login service refuses the credential"
}

func (c Credential) cure(aadsts int) string {
	if c.explain != nil {
		if text := c.explain(aadsts); text != "" {
			return text
		}
	}
	return cures[aadsts]
}

// tooManyRequests comes with an error that otherwise means the grant itself.
const tooManyRequests = 50196

// cures says what the operator can do about an AADSTS number: "what is wrong; what to do".
var cures = map[int]string{
	7000215:         "wrong client secret; enter the secret's value, not its id",
	7000222:         "the client secret has expired; create a new one in the app registration",
	7000218:         "no client secret or assertion was sent; configure one",
	700027:          "the certificate is not registered on the app, or the key does not belong to it; upload the certificate on the app's page \"Certificates & secrets\", and compare its thumbprint",
	700024:          "the assertion or the certificate is outside its validity; check this host's clock and the certificate's dates",
	700023:          "the assertion is for another authority; check tenant_id, cloud and authority_host",
	7000229:         "the app has no service principal in this tenant; grant admin consent there",
	7000113:         "the app is not authorised in this tenant; grant admin consent there",
	70021:           "no matching federated identity record; compare issuer, subject and audience",
	700211:          "no federated identity record has this issuer; compare issuer, subject and audience of the token with the app's federated credentials",
	700212:          "no federated identity record has this audience; compare it with the app's federated credentials",
	700213:          "no federated identity record has this subject; compare it with the app's federated credentials",
	700016:          "the client id is not known in this tenant; check client_id and tenant_id",
	7000112:         "the app is disabled in this tenant; enable it on the page of its enterprise application",
	90002:           "the tenant does not exist; check tenant_id and cloud",
	900023:          "tenant_id is neither a GUID nor a domain name; enter the Directory (tenant) ID",
	70011:           "the scope was refused; check cloud",
	1002012:         "the scope was refused; check cloud",
	500011:          "Graph is not known in this tenant; check cloud",
	53003:           "conditional access blocks the app; exclude it or allow this host's address",
	530035:          "security defaults of the tenant block the app; an administrator has to replace them by conditional access that lets it pass",
	65001:           "consent is missing; an administrator has to grant it to the app",
	90094:           "consent of an administrator is missing; grant it to the app",
	650056:          "the app asks for permissions it is not registered for; add Mail.ReadWrite and Mail.Send to it",
	tooManyRequests: "too many token requests; the login service asks for a pause",
}
