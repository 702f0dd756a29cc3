package outbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mail2graph/bridge/disk"
)

// Health is what Check found.
type Health struct {
	Messages int
	Damaged  []string // ids, or names of files, with what is wrong
	Aside    int      // files in the folder corrupt
}

// Check reads every message below dir, whether a process uses the spool or not, and
// changes nothing.
func Check(dir string) (h Health, err error) {
	queue := filepath.Join(dir, dirQueue)
	err = eachName(queue, func(name string) error {
		id, ext := splitName(name)
		switch {
		case validID(id) && ext == extRecord:
			h.Messages++
			r, err := readRecord(queue, id)
			if err == nil {
				err = checkText(queue, r)
			}
			switch {
			case errors.Is(err, fs.ErrNotExist): // sent meanwhile, unless it is still there
				if exists(filepath.Join(queue, name)) {
					h.Damaged = append(h.Damaged, id+": its text is missing")
				} else {
					h.Messages--
				}
			case errors.Is(err, errCorrupt):
				h.Damaged = append(h.Damaged, fmt.Sprintf("%s: %v", id, err))
			default:
				return err
			}
		case validID(id) && ext == extGone:
		case validID(id) && ext == extMessage:
			if !exists(filepath.Join(queue, id+extRecord)) && !exists(filepath.Join(queue, id+extGone)) && exists(filepath.Join(queue, name)) {
				h.Damaged = append(h.Damaged, name+": there is no record for it")
			}
		default:
			h.Damaged = append(h.Damaged, name+": not a file of the outbox")
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil // no message was ever put in
	}
	_ = eachName(filepath.Join(dir, dirCorrupt), func(string) error { h.Aside++; return nil }) // not there: none
	return h, err
}

// checkText compares the octets of a message with its record.
func checkText(queue string, r *Record) error {
	f, err := os.Open(filepath.Join(queue, r.ID+extMessage))
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	switch {
	case err != nil:
		return err
	case n != r.Size || hex.EncodeToString(sum.Sum(nil)) != r.Sum:
		return fmt.Errorf("%w: its text is not what was accepted", errCorrupt)
	}
	return nil
}

// Backup copies the messages of the spool in dir below to, which becomes a directory
// like the spool's queue. A message that is sent meanwhile is left out.
func Backup(dir, to string) (n int, err error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return 0, err
	}
	queue := filepath.Join(dir, dirQueue)
	_, err = List(dir, func(r *Record) error {
		record, err := r.encode()
		if err != nil {
			return err
		}
		err = copyText(filepath.Join(queue, r.ID+extMessage), filepath.Join(to, r.ID+extMessage))
		if errors.Is(err, fs.ErrNotExist) { // sent meanwhile
			return nil
		}
		if err == nil {
			err = writeNew(filepath.Join(to, r.ID+extRecord), bytes.NewReader(record))
		}
		n++
		return err
	})
	return n, errors.Join(err, disk.SyncDir(to))
}

func copyText(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeNew(to, in)
}

func writeNew(path string, text io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, text)
	return errors.Join(err, f.Sync(), f.Close())
}

// Restore puts the messages of a backup into the spool in dir, which no process may use
// (ErrInUse), and holds them with reason: nobody knows whether they were sent after the
// backup. Messages that are in the spool stay as they are.
func Restore(from, dir, reason string) (n int, err error) {
	s, err := Open(dir, Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = eachName(from, func(name string) error {
		id, ext := splitName(name)
		if ext != extRecord || !validID(id) || s.items[id] != nil {
			return nil
		}
		r, err := readRecord(from, id)
		if err == nil {
			err = checkText(from, r)
		}
		if err != nil {
			return err
		}
		if r.State == Doomed { // it was deleted
			return nil
		}
		if err := s.adoptMessage(r, filepath.Join(from, id+extMessage), reason); err != nil {
			return err
		}
		n++
		return nil
	})
	return n, err
}

// adoptMessage stores a message under the id that it has.
func (s *Spool) adoptMessage(r *Record, text, reason string) error {
	f, err := os.Open(text)
	if err != nil {
		return err
	}
	defer f.Close()
	r.State, r.Reason = Held, reason
	return s.store(r, f, func() {})
}
