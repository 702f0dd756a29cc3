package bridge

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What HashPassword uses: the first choice of the OWASP Password Storage Cheat
// Sheet for argon2id, which a small gateway host can afford as well.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	hashSalt    = 16
	hashKey     = 32
)

// Bounds of what CheckPassword takes on: a hash copied from elsewhere must not
// cost a gateway its memory or minutes for each login.
const (
	maxBcryptCost  = 16
	maxHashMemory  = 256 << 10 // KiB
	maxHashTime    = 16
	maxHashThreads = 16
	maxPassword    = 1024 // octets
)

var errPasswordLength = errors.New("a password has 1 to 1024 octets")

// HashPassword returns the argon2id hash of a password in PHC form,
// "$argon2id$v=19$m=19456,t=2,p=1$salt$key".
func HashPassword(password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", errPasswordLength
	}
	salt := make([]byte, hashSalt)
	rand.Read(salt) // never fails: crypto/rand since Go 1.24
	h := argon2Hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt}
	h.key = h.derive(password, hashKey)
	return h.String(), nil
}

// CheckPassword reports whether password belongs to hash, which is bcrypt
// ($2a$, $2b$, $2y$) or argon2id in PHC form. The comparison takes the same time
// wherever the two differ.
func CheckPassword(hash, password string) bool {
	if password == "" || len(password) > maxPassword {
		return false
	}
	if isBcrypt(hash) {
		return validBcrypt(hash) == nil && bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	}
	h, err := parseArgon2(hash)
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare(h.key, h.derive(password, len(h.key))) == 1
}

// validHash tells why CheckPassword would never accept a password for hash,
// without showing the hash.
func validHash(hash string) error {
	switch {
	case isBcrypt(hash):
		return validBcrypt(hash)
	case strings.HasPrefix(hash, argon2Prefix):
		_, err := parseArgon2(hash)
		return err
	}
	return errors.New("something else than a hash")
}

func isBcrypt(hash string) bool {
	return strings.HasPrefix(hash, "$2a$") || strings.HasPrefix(hash, "$2b$") || strings.HasPrefix(hash, "$2y$")
}

// bcryptAlphabet is the base64 alphabet of bcrypt.
const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func validBcrypt(hash string) error {
	// "$2b$12$" and 22 characters of salt and 31 of key
	if len(hash) != 60 || hash[6] != '$' || strings.Trim(hash[7:], bcryptAlphabet) != "" {
		return errors.New("a damaged bcrypt hash")
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return errors.New("a damaged bcrypt hash")
	}
	if cost > maxBcryptCost {
		return fmt.Errorf("a bcrypt hash of cost %d (more than %d)", cost, maxBcryptCost)
	}
	return nil
}

const argon2Prefix = "$argon2id$"

// argon2Hash is a hash in the PHC string format.
type argon2Hash struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	key     []byte
}

func (h argon2Hash) derive(password string, size int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(size))
}

func (h argon2Hash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", argon2Prefix, argon2.Version,
		h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

var errArgon2Damaged = errors.New("a damaged argon2id hash")

func parseArgon2(hash string) (argon2Hash, error) {
	var h argon2Hash
	rest, ok := strings.CutPrefix(hash, argon2Prefix)
	fields := strings.Split(rest, "$")
	if !ok || len(fields) != 4 || fields[0] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errArgon2Damaged
	}
	var err error
	if h.memory, h.time, h.threads, err = parseArgon2Cost(fields[1]); err != nil {
		return h, err
	}
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(fields[2]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, errArgon2Damaged
	}
	if h.key, err = b64.DecodeString(fields[3]); err != nil || len(h.key) < 16 || len(h.key) > 64 {
		return h, errArgon2Damaged
	}
	return h, nil
}

// parseArgon2Cost reads "m=19456,t=2,p=1", in this order as the format demands.
func parseArgon2Cost(s string) (memory, time uint32, threads uint8, err error) {
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return 0, 0, 0, errArgon2Damaged
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(parts[i], name)
		if n[i], err = strconv.ParseUint(digits, 10, 32); !ok || err != nil || n[i] == 0 {
			return 0, 0, 0, errArgon2Damaged
		}
	}
	if n[0] > maxHashMemory || n[1] > maxHashTime || n[2] > maxHashThreads {
		return 0, 0, 0, fmt.Errorf("an argon2id hash of %s (more than m=%d,t=%d,p=%d)",
			s, maxHashMemory, maxHashTime, maxHashThreads)
	}
	if n[0] < 8*n[2] { // RFC 9106 §3.1: at least 8*p KiB
		return 0, 0, 0, errArgon2Damaged
	}
	return uint32(n[0]), uint32(n[1]), uint8(n[2]), nil
}
