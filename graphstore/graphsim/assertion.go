package graphsim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"time"
)

// assertionType is the only one that Entra takes.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertion is a decoded client assertion (entra/identity-platform/certificate-credentials).
type assertion struct {
	head struct {
		Alg     string `json:"alg"`
		X5T     string `json:"x5t"`
		X5TS256 string `json:"x5t#S256"`
	}
	claims struct {
		Aud audience `json:"aud"`
		Iss string   `json:"iss"`
		Sub string   `json:"sub"`
		JTI string   `json:"jti"`
		Nbf float64  `json:"nbf"`
		Exp float64  `json:"exp"`
	}
	signed string
	sig    []byte
}

// audience is a string or a list of strings (RFC 7519 §4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

func parseAssertion(text string) (*assertion, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, false
	}
	a := &assertion{signed: parts[0] + "." + parts[1]}
	enc := base64.RawURLEncoding
	head, err1 := enc.DecodeString(parts[0])
	body, err2 := enc.DecodeString(parts[1])
	sig, err3 := enc.DecodeString(parts[2])
	a.sig = sig
	if err1 != nil || err2 != nil || err3 != nil || json.Unmarshal(head, &a.head) != nil || json.Unmarshal(body, &a.claims) != nil {
		return nil, false
	}
	return a, true
}

// checkAssertion verifies a client assertion and returns 0 or an AADSTS number. The caller holds mu.
func (s *Server) checkAssertion(a *app, typ, text, endpoint string) int {
	as, ok := parseAssertion(text)
	if !ok || typ != assertionType {
		return 700027
	}
	now := s.now()
	if now.Unix() >= int64(as.claims.Exp) || now.Add(5*time.Minute).Unix() < int64(as.claims.Nbf) {
		return 700024
	}
	if as.claims.Iss != a.ClientID {
		return checkFederated(a, as)
	}
	var signer *x509.Certificate
	for _, c := range a.Certificates {
		sum1, sum256 := sha1.Sum(c.Raw), sha256.Sum256(c.Raw)
		if isThumbprint(as.head.X5T, sum1[:]) || isThumbprint(as.head.X5TS256, sum256[:]) {
			signer = c
		}
	}
	switch {
	case signer == nil || !as.verify(signer.PublicKey) || as.claims.Sub != a.ClientID:
		return 700027
	case now.After(signer.NotAfter) || now.Before(signer.NotBefore):
		return 700024
	case !contains(as.claims.Aud, endpoint):
		return 700023
	case as.claims.JTI == "" || s.assertions[as.claims.JTI]:
		return 700027
	}
	s.assertions[as.claims.JTI] = true
	return 0
}

// isThumbprint compares a member of the header in any form of base64: the page says base64url, Microsoft's own
// library (MSAL for Go 1.10) sends the standard alphabet with padding, and the service takes both.
func isThumbprint(text string, sum []byte) bool {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return text == base64.RawURLEncoding.EncodeToString(sum)
}

// checkFederated matches the assertion of an outside issuer (entra/workload-id/workload-identity-federation).
func checkFederated(a *app, as *assertion) int {
	code := 700211
	for _, f := range a.Federated {
		want := f.Audience
		if want == "" {
			want = "api://AzureADTokenExchange"
		}
		switch {
		case f.Issuer != as.claims.Iss:
		case f.Subject != as.claims.Sub:
			code = 700213
		case !contains(as.claims.Aud, want):
			code = 700212
		case !as.verify(f.Key):
			code = 700027
		default:
			return 0
		}
	}
	return code
}

func contains(list []string, v string) bool {
	for _, s := range list {
		if strings.EqualFold(s, v) {
			return true
		}
	}
	return false
}

// verify checks the signature for the algorithms that Entra takes, and ES256 for outside issuers.
func (a *assertion) verify(key crypto.PublicKey) bool {
	sum := sha256.Sum256([]byte(a.signed))
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch a.head.Alg {
		case "RS256":
			return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], a.sig) == nil
		case "PS256":
			return rsa.VerifyPSS(k, crypto.SHA256, sum[:], a.sig, nil) == nil
		}
	case *ecdsa.PublicKey:
		if a.head.Alg == "ES256" && len(a.sig) == 64 {
			return ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(a.sig[:32]), new(big.Int).SetBytes(a.sig[32:]))
		}
	}
	return false
}
