package outbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"mail2graph/bridge/disk"
)

// recover finds out what is in the spool. Directories are read in pieces, and of
// a record only what an item holds is kept.
func (s *Spool) recover() error {
	if err := s.clearIncoming(); err != nil {
		return err
	}
	// A directory that changes while it is read may hide names: what changes it
	// comes afterwards.
	var mu sync.Mutex // guards what follows
	var gone, orphans, strange []string
	damaged := map[string]string{} // reasons by id
	err := manyNames(s.path(dirQueue), func(name string) error {
		id, ext := splitName(name)
		if validID(id) && ext == extRecord {
			reason, err := s.recoverRecord(id)
			if reason != "" {
				mu.Lock()
				damaged[id] = reason
				mu.Unlock()
			}
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case validID(id) && ext == extGone:
			gone = append(gone, id)
		case validID(id) && ext == extMessage:
			if !exists(s.path(dirQueue, id+extRecord)) && !exists(s.path(dirQueue, id+extGone)) {
				orphans = append(orphans, id)
			}
		default:
			strange = append(strange, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range gone {
		if err := s.finishRemoval(id); err != nil {
			return err
		}
	}
	for id, reason := range damaged {
		s.setAside(id, reason)
	}
	for _, id := range orphans { // cut off between the two renames of Put, or its record is lost
		s.setAside(id, "there is no record for it")
	}
	for _, name := range strange {
		s.moveAside(name, "not a file of the outbox")
	}
	return disk.SyncDir(s.path(dirQueue))
}

// clearIncoming removes what was being written: nobody was promised anything.
func (s *Spool) clearIncoming() error {
	return eachName(s.path(dirIncoming), func(name string) error {
		if err := os.Remove(s.path(dirIncoming, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// recoverRecord enters one message, or tells what is wrong with it. What
// somebody worked on is due at once.
func (s *Spool) recoverRecord(id string) (damage string, err error) {
	r, err := s.readRecord(id)
	if errors.Is(err, errCorrupt) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(s.path(dirQueue, id+extMessage))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err != nil || info.Size() != r.Size {
		return "its text is missing or has another size than its record says", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	it := &item{id: id, box: s.box(r.Mailbox), at: -1}
	s.items[id] = it
	switch r.State {
	case Held, Failed, Deferred, Doomed:
		s.place(it, r.State, r.Next)
	default:
		s.place(it, Deferred, time.Time{})
	}
	return "", nil
}

// setAside moves the files of a damaged message to the corrupt folder.
func (s *Spool) setAside(id, reason string) {
	for _, ext := range []string{extRecord, extMessage} {
		if exists(s.path(dirQueue, id+ext)) {
			s.moveAside(id+ext, reason)
		}
	}
}

// moveAside moves a file of the queue to the corrupt folder, where none of that
// name is overwritten.
func (s *Spool) moveAside(name, reason string) {
	to := s.path(dirCorrupt, name)
	for n := 1; exists(to); n++ {
		to = s.path(dirCorrupt, fmt.Sprintf("%s.%d", name, n))
	}
	err := os.Rename(s.path(dirQueue, name), to)
	s.log.Error("damaged file in the outbox, moved aside", "file", name, "to", to, "reason", reason, "error", err)
}

// Corrupt returns how many files lie in the corrupt folder.
func (s *Spool) Corrupt() (n int) {
	_ = eachName(s.path(dirCorrupt), func(string) error { n++; return nil })
	return n
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func splitName(name string) (id, ext string) {
	if i := strings.IndexByte(name, '.'); i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}

// manyReaders is how many files are read at once where there may be many: reading
// a small file is mostly waiting.
const manyReaders = 8

// manyNames is eachName with several calls of fn at a time.
func manyNames(dir string, fn func(name string) error) error {
	names := make(chan string, manyReaders)
	stop := make(chan struct{})
	var first error
	var once sync.Once
	var readers sync.WaitGroup
	for range manyReaders {
		readers.Go(func() {
			for name := range names {
				if err := fn(name); err != nil {
					once.Do(func() { first = err; close(stop) })
				}
			}
		})
	}
	err := eachName(dir, func(name string) error {
		select {
		case names <- name:
		case <-stop:
			return errStopped
		}
		return nil
	})
	close(names)
	readers.Wait()
	if first != nil {
		return first
	}
	return err
}

var errStopped = errors.New("stopped")

// eachName calls fn with the names in a directory, some hundred at a time.
func eachName(dir string, fn func(name string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(512)
		for _, name := range names {
			if err := fn(name); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
