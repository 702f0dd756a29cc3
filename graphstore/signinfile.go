package graphstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
)

// signInFile keeps one sign-in: the refresh token in the cache of Microsoft's
// library, and whose it is. It is replaced as a whole, with mode 0600.
type signInFile struct {
	path  string
	store func(*storedSignIn) error // write, but for tests of a full disk

	// mu guards unsaved: what could not be written, and in place of what.
	mu            sync.Mutex
	unsaved, last *storedSignIn
}

// storedSignIn is the content of a signInFile.
type storedSignIn struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"` // of the sign-in; refreshes keep it
	TenantID string    `json:"tenant_id"`
	ClientID string    `json:"client_id"`
	User     string    `json:"user"`
	Shared   bool      `json:"shared"`
	SignedIn time.Time `json:"signed_in"`
	// Cache is that of the library, without access tokens: they end within the
	// hour, and each start asks for a new one.
	Cache map[string]json.RawMessage `json:"cache"`
}

const signInVersion = 1

// errNoSignIn: nobody has signed in, or for another app or user.
var errNoSignIn = errors.New("nobody has signed in yet")

func newSignInFile(path string) *signInFile {
	f := &signInFile{path: path}
	f.store = f.write
	return f
}

// load reads the file; errNoSignIn if there is none.
func (f *signInFile) load() (*storedSignIn, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoSignIn
	}
	if err != nil {
		return nil, err
	}
	var st storedSignIn
	if err := json.Unmarshal(text, &st); err != nil || st.Version != signInVersion {
		return nil, fmt.Errorf("%s holds no sign-in of this version: %w", f.path, errNoSignIn)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unsaved != nil && st.ID == f.last.ID && string(st.Cache["RefreshToken"]) == string(f.last.Cache["RefreshToken"]) {
		return f.unsaved, nil // newer than the file
	}
	return &st, nil
}

// stamp tells sign-ins apart; a refresh does not change it.
func (f *signInFile) stamp() string {
	st, err := f.load()
	if err != nil {
		return err.Error()
	}
	return st.ID
}

// replace writes st in place of old, unless somebody has signed in meanwhile or
// has removed the file.
// What cannot be written is kept for the next time: until then the old token,
// which Entra does not end when it is used, is what survives a restart.
func (f *signInFile) replace(old, st *storedSignIn) error {
	if now, err := f.load(); errors.Is(err, errNoSignIn) || err == nil && now.ID != old.ID {
		return nil
	}
	err := f.store(st)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err == nil:
		f.unsaved, f.last = nil, nil
	case f.unsaved == nil:
		f.unsaved, f.last = st, old
	default:
		f.unsaved = st // last is still what the file holds
	}
	return err
}

// write replaces the file and waits for the disk.
func (f *signInFile) write(st *storedSignIn) error {
	text, err := json.MarshalIndent(st, "", "\t")
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".signin-") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(text, '\n'))
	err = errors.Join(err, tmp.Sync(), tmp.Close(), handOver(dir, tmp.Name()))
	if err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// libraryCache is the cache of one use of Microsoft's library, in memory.
type libraryCache struct{ parts map[string]json.RawMessage }

// Replace implements cache.ExportReplace.
func (c *libraryCache) Replace(_ context.Context, into cache.Unmarshaler, _ cache.ReplaceHints) error {
	if c.parts == nil {
		return nil
	}
	text, err := json.Marshal(c.parts)
	if err != nil {
		return err
	}
	return into.Unmarshal(text)
}

// Export implements cache.ExportReplace.
func (c *libraryCache) Export(_ context.Context, from cache.Marshaler, _ cache.ExportHints) error {
	text, err := from.Marshal()
	if err != nil {
		return err
	}
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	delete(parts, "AccessToken")
	c.parts = parts
	return nil
}

// newSignInID is what tells a sign-in from the one before.
func newSignInID() string { return rand.Text() }
