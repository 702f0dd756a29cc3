package statedir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/outbox"
)

// Contents tells what a backup took in, or what was put back.
type Contents struct {
	Mailboxes []string // directories of mailboxes
	Messages  int      // of the outbox
	SignIns   int
}

// Backup copies the state of a configuration into the directory to, which must not be
// there or be empty. The daemon may run: each index is as it was at one moment, and a
// message that is sent meanwhile is in it or not.
func Backup(ctx context.Context, cfg *bridge.Config, to, program string, now time.Time) (c Contents, err error) {
	state := cfg.StateDir
	if err := errors.Join(ours(state), emptyDir(state, to)); err != nil {
		return c, err
	}
	var files []string
	if c.Mailboxes, err = mailboxDirs(state); err != nil {
		return c, err
	}
	for _, name := range c.Mailboxes {
		file := path.Join(dirMailboxes, name, bridge.IndexFile)
		target := filepath.Join(to, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return c, err
		}
		if _, err := index.Backup(ctx, filepath.Join(state, filepath.FromSlash(file)), target); err != nil {
			return c, err
		}
		files = append(files, file)
	}
	queue := filepath.Join(to, bridge.OutboxDir, "queue")
	if c.Messages, err = outbox.Backup(filepath.Join(state, bridge.OutboxDir), queue); err != nil {
		return c, fmt.Errorf("back up the outbox: %w", err)
	}
	queued, err := os.ReadDir(queue)
	if err != nil {
		return c, err
	}
	for _, e := range queued {
		files = append(files, path.Join(bridge.OutboxDir, "queue", e.Name()))
	}
	names, err := signIns(state)
	if err != nil {
		return c, err
	}
	for _, name := range names {
		if err := copyNew(filepath.Join(state, dirSignIn, name), filepath.Join(to, dirSignIn, name)); err != nil {
			return c, err
		}
		c.SignIns++
		files = append(files, path.Join(dirSignIn, name))
	}
	return c, writeManifest(to, files, program, now)
}

func writeManifest(to string, files []string, program string, now time.Time) error {
	m := Manifest{Format: manifestFormat, Made: now.UTC().Truncate(time.Second), Program: program}
	for _, name := range files {
		f, err := describe(to, name)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(to, manifestName), append(text, '\n'))
}

// emptyDir makes the directory of a backup. Not below the state: it would be copied
// with it, and lost with it.
func emptyDir(state, to string) error {
	abs, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(state, abs); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("%s is below state_dir %s; name a directory elsewhere, best on another disk", to, state)
	}
	entries, err := os.ReadDir(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(to, 0o700)
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty; name a directory that is not there yet, such as %s", to,
			strings.TrimSuffix(to, "/")+"-"+time.Now().Format("2006-01-02"))
	}
	return nil
}

// copyNew copies a small secret file.
func copyNew(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return writeSynced(to, text)
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
