package bridge

import (
	"strings"
	"testing"
)

func TestHashPassword(t *testing.T) {
	a, err := HashPassword("pässword")
	if err != nil {
		t.Fatal(err)
	}
	b, err := HashPassword("pässword")
	if err != nil {
		t.Fatal(err)
	}
	if a == b || !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %q and %q", a, b)
	}
	if !CheckPassword(a, "pässword") || CheckPassword(a, "password") {
		t.Error("the hash does not tell passwords apart")
	}
	var h PasswordHash
	if err := h.UnmarshalText([]byte(a)); err != nil {
		t.Errorf("a configuration refuses its own hash: %v", err)
	}
	for _, bad := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := HashPassword(bad); err == nil {
			t.Errorf("a password of %d octets was hashed", len(bad))
		}
	}
}

func TestCheckPassword(t *testing.T) {
	b2y := "$2y$" + testBcrypt[len("$2a$"):]
	b2b := "$2b$" + testBcrypt[len("$2a$"):]
	// from the argon2 reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
	argon := "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, tc := range []struct {
		name, hash, password string
		want                 bool
	}{
		{"bcrypt 2a", testBcrypt, "secret", true},
		{"bcrypt 2b", b2b, "secret", true},
		{"bcrypt 2y", b2y, "secret", true},
		{"bcrypt wrong", testBcrypt, "Secret", false},
		{"bcrypt empty password", testBcrypt, "", false},
		{"bcrypt 2x", "$2x$" + testBcrypt[4:], "secret", false},
		{"bcrypt cut", testBcrypt[:59], "secret", false},
		{"argon2id reference", argon, "password", true},
		{"argon2id wrong", argon, "passwore", false},
		{"argon2i", strings.Replace(argon, "argon2id", "argon2i", 1), "password", false},
		{"argon2id other version", strings.Replace(argon, "v=19", "v=16", 1), "password", false},
		{"argon2id no threads", strings.Replace(argon, "p=1", "p=0", 1), "password", false},
		{"argon2id all memory", strings.Replace(argon, "m=65536", "m=4294967295", 1), "password", false},
		{"argon2id for ever", strings.Replace(argon, "t=2", "t=4294967295", 1), "password", false},
		{"argon2id out of range", strings.Replace(argon, "t=2", "t=99999999999", 1), "password", false},
		{"argon2id other order", strings.Replace(argon, "m=65536,t=2", "t=2,m=65536", 1), "password", false},
		{"plain text", "password", "password", false},
		{"nothing", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := CheckPassword(tc.hash, tc.password); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if tc.want && validHash(tc.hash) != nil {
				t.Errorf("a good hash is refused: %v", validHash(tc.hash))
			}
		})
	}
}
