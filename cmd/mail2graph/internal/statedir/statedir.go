// Package statedir looks after what a running mail2graph keeps on disk: it checks it,
// copies it while the daemon runs, and puts a copy back.
//
// A backup is a directory:
//
//	manifest.json                      what it is, and length and SHA-256 of each file; written last
//	mailboxes/ADDRESS/index.sqlite     the index of each mailbox
//	outbox/queue/ID.msg, ID.env        messages that wait to be sent
//	signin/NAME.json                   sign-ins of users: refresh tokens, as good as passwords
//
// The text of messages (cache) is not in it: Exchange has that.
package statedir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mail2graph/bridge"
)

const (
	manifestName   = "manifest.json"
	manifestFormat = 1

	dirMailboxes = "mailboxes"
	dirSignIn    = "signin"
)

// Manifest is what a backup says of itself.
type Manifest struct {
	Format  int       `json:"format"`
	Made    time.Time `json:"made"`
	Program string    `json:"program"` // version that made it
	Files   []File    `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"` // with slashes, below the backup
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// mailboxDirs are the directories below state_dir that have an index, those of
// mailboxes that are not configured any more too.
func mailboxDirs(state string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(state, dirMailboxes))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(state, dirMailboxes, e.Name(), bridge.IndexFile)); e.IsDir() && err == nil {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// signIns are the names of the files with sign-ins below dir.
func signIns(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, dirSignIn, "*.json"))
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths, err
}

// ours refuses to work as another user than the one the state belongs to: files that
// he cannot open would stop the daemon.
func ours(state string) error {
	info, err := os.Stat(state)
	if err != nil {
		return fmt.Errorf("state_dir: %w", err)
	}
	if owner, known := fileOwner(info); known && owner != os.Geteuid() {
		return fmt.Errorf("state_dir %s belongs to user %d and this is user %d; run it as that user: sudo -u '#%d' mail2graph state …",
			state, owner, os.Geteuid(), owner)
	}
	return nil
}

// describe reads a file for the manifest.
func describe(dir, name string) (File, error) {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// readManifest reads and verifies a backup as a whole, before anything is done with it.
func readManifest(dir string) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: it is no backup, or one that was broken off", dir, manifestName)
	}
	if err != nil {
		return nil, err
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", manifestName, dir, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("the backup has format %d, this version knows %d; use the version that made it: %s", m.Format, manifestFormat, m.Program)
	}
	for _, want := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(want.Name)) || strings.Contains(want.Name, `\`) {
			return nil, fmt.Errorf("%s names %q, which is not below the backup", manifestName, want.Name)
		}
		got, err := describe(dir, want.Name)
		if err != nil {
			return nil, err
		}
		if got != want {
			return nil, fmt.Errorf("%s in the backup is not what was written: %d octets, SHA-256 %.12s…, want %d and %.12s…",
				want.Name, got.Size, got.SHA256, want.Size, want.SHA256)
		}
	}
	return &m, nil
}
