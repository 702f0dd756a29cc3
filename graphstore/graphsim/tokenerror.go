package graphsim

import (
	"fmt"
	"net/http"
	"strings"
)

// slowDown stands for RFC 8628 §3.5's slow_down, for which the page names no number.
const slowDown = 90055

// tokenErrors are the answers of the token endpoint by AADSTS number (entra/identity-platform/reference-error-codes, §1.4).
var tokenErrors = map[int]struct{ name, text string }{
	7000215:  {"invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app."},
	7000222:  {"invalid_client", "The provided client secret keys for app are expired."},
	7000218:  {"invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	700027:   {"invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application."},
	700024:   {"invalid_client", "Client assertion is not within its valid time range."},
	700023:   {"invalid_client", "Client assertion audience claim does not match Realm issuer."},
	70021:    {"invalid_request", "No matching federated identity record found for presented assertion."},
	700211:   {"invalid_client", "No matching federated identity record found for presented assertion issuer."},
	700212:   {"invalid_client", "No matching federated identity record found for presented assertion audience."},
	700213:   {"invalid_client", "No matching federated identity record found for presented assertion subject."},
	700016:   {"unauthorized_client", "Application was not found in the directory."},
	7000112:  {"unauthorized_client", "Application is disabled."},
	90002:    {"invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."},
	900023:   {"invalid_request", "Specified tenant identifier is neither a valid DNS name, nor a valid external domain."},
	900144:   {"invalid_request", "The request body must contain the following parameter: 'grant_type'."},
	70003:    {"unsupported_grant_type", "The app requested an unsupported grant type."},
	70011:    {"invalid_scope", "The provided value for the input parameter 'scope' is not valid."},
	1002012:  {"invalid_scope", "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."},
	500011:   {"invalid_resource", "The resource principal was not found in the tenant."},
	53003:    {"access_denied", "Access has been blocked by Conditional Access policies."},
	50196:    {"invalid_grant", "The server terminated an operation because it encountered a client request loop."},
	90033:    {"temporarily_unavailable", "The service is temporarily unavailable. Please retry later."},
	700025:   {"invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
	700082:   {"invalid_grant", "The refresh token has expired due to inactivity."},
	70008:    {"invalid_grant", "The provided authorization code or refresh token has expired."},
	70016:    {"authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."},
	70018:    {"bad_verification_code", "Invalid verification code."},
	70019:    {"expired_token", "Verification code expired."},
	65001:    {"invalid_grant", "The user or administrator has not consented to use the application."},
	65004:    {"authorization_declined", "User declined to consent to access the app."},
	50011:    {"invalid_request", "The redirect URI specified in the request does not match the redirect URIs configured for the application."},
	50034:    {"invalid_grant", "The user account does not exist in the directory."},
	50057:    {"invalid_grant", "The user account is disabled."},
	50076:    {"interaction_required", "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication."},
	50173:    {"invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed."},
	501481:   {"invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."},
	54005:    {"invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."},
	9002313:  {"invalid_grant", "Invalid request. Request is malformed or invalid."},
	9002325:  {"invalid_request", "Proof Key for Code Exchange is required for cross-origin authorization code redemption."},
	slowDown: {"slow_down", "The device is polling too often."},
	90024:    {"temporarily_unavailable", "RequestBudgetExceededError - A transient error has occurred. Please try again."},
}

// refuseToken writes an error of the token endpoint: 400 in general, 401 for invalid_client.
func (s *Server) refuseToken(w http.ResponseWriter, e *Entry, code int) {
	t, known := tokenErrors[code]
	if !known {
		t.name, t.text = "invalid_request", "The request is not valid."
	}
	status := http.StatusBadRequest
	switch t.name {
	case "invalid_client":
		status = http.StatusUnauthorized
	case "temporarily_unavailable":
		status = http.StatusServiceUnavailable
	}
	e.Status, e.Code = status, fmt.Sprintf("AADSTS%d", code)
	s.record(e)
	s.mu.Lock()
	trace := s.guid()
	s.mu.Unlock()
	stamp := s.now().Format("2006-01-02 15:04:05Z")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(appendJSON(nil, object{
		{"error", t.name},
		{"error_description", fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, t.text, trace, clientID(e), stamp)},
		{"error_codes", []int{code}}, {"timestamp", stamp}, {"trace_id", trace}, {"correlation_id", clientID(e)},
		{"error_uri", fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", code)},
	}))
}

// serveMetadata is the OpenID configuration that client libraries read to find the token endpoint.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, tenant string) {
	e := s.newEntry(r, "token")
	e.Route = r.Method + " /{tenant}/v2.0/.well-known/openid-configuration"
	s.mu.Lock()
	known := s.tenants[strings.ToLower(tenant)] || tenant == "common" || tenant == "organizations"
	s.mu.Unlock()
	if !known {
		s.refuseToken(w, e, 90002)
		return
	}
	e.Status = http.StatusOK
	s.record(e)
	base := baseOf(r) + "/" + tenant
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write(appendJSON(nil, object{
		{"token_endpoint", base + "/oauth2/v2.0/token"},
		{"token_endpoint_auth_methods_supported", []string{"client_secret_post", "private_key_jwt"}},
		{"jwks_uri", base + "/discovery/v2.0/keys"}, {"issuer", base + "/v2.0"},
		{"authorization_endpoint", base + "/oauth2/v2.0/authorize"},
		{"device_authorization_endpoint", base + "/oauth2/v2.0/devicecode"},
		{"response_types_supported", []string{"code", "id_token"}}, {"subject_types_supported", []string{"pairwise"}},
		{"id_token_signing_alg_values_supported", []string{"RS256"}}, {"tenant_region_scope", "EU"},
		{"cloud_instance_name", r.Host}, {"msgraph_host", r.Host},
	}))
}

// serveDiscovery answers the instance discovery of MSAL: this host is an authority of its own.
func (s *Server) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	e := s.newEntry(r, "token")
	e.Route = r.Method + " /common/discovery/instance"
	e.Status = http.StatusOK
	s.record(e)
	tenant := "common"
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write(appendJSON(nil, object{
		{"tenant_discovery_endpoint", baseOf(r) + "/" + tenant + "/v2.0/.well-known/openid-configuration"},
		{"api-version", "1.1"},
		{"metadata", []object{{{"preferred_network", r.Host}, {"preferred_cache", r.Host}, {"aliases", []string{r.Host}}}}},
	}))
}
