package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
	"mail2graph/bridge/outbox"
)

// disk is what the checks of the state directory ask the system.
type disk struct {
	write func(dir string) error             // makes a file and removes it
	space func(dir string) (int64, error)    // octets free for this user
	owner func(info fs.FileInfo) (int, bool) // user id
	euid  func() int
}

func realDisk() disk {
	return disk{write: tryFile, space: outbox.FreeSpace, owner: fileOwner, euid: os.Geteuid}
}

// state looks at the state directory and at the index of each mailbox.
func (d *doctor) state(ctx context.Context) {
	dir := d.cfg.StateDir
	usable := d.stateDir(dir)
	if !usable {
		d.skip("space", "", "needs the state directory")
		d.skip("outbox", "", "needs the state directory")
		d.skip("index", "", "needs the state directory")
		return
	}
	d.space(dir)
	d.outbox(filepath.Join(dir, bridge.OutboxDir))
	for _, name := range slices.Sorted(maps.Keys(d.cfg.Mailboxes)) {
		d.index(ctx, name)
	}
}

// stateDir reports whether the directory is there and ours to write.
func (d *doctor) stateDir(dir string) bool {
	f := Finding{Check: "state", Status: OK, Tried: "make and remove a file in " + dir}
	defer func() { d.add(f) }()
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return d.missing(dir, &f)
	}
	if err != nil {
		f.Status, f.Got = Fail, err.Error()
		f.Cure = "state_dir must be a directory that the user of mail2graph reaches; correct it or its parents"
		return false
	}
	if !info.IsDir() {
		f.Status, f.Got, f.Cure = Fail, dir+" is no directory", "move the file away, or name another state_dir"
		return false
	}
	if owner, known := d.disk.owner(info); known && owner != d.disk.euid() && d.disk.euid() == 0 {
		// Files that root makes here could not be opened by the service.
		f.Status, f.Got = Skip, fmt.Sprintf("the directory belongs to user %d and this is root, who would leave files that the service cannot open", owner)
		f.Cure = "run doctor as the user of the service: sudo -u USER mail2graph doctor ..."
		return false
	}
	if err := d.disk.write(dir); err != nil {
		f.Status, f.Got = Fail, err.Error()
		f.Cure = fmt.Sprintf("let the user of mail2graph write there: chown USER %s && chmod 700 %s; a file system that is mounted read-only has to be remounted", dir, dir)
		return false
	}
	f.Got = "done"
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		f.Status, f.Got = Warn, fmt.Sprintf("other users may look into it (mode %#o)", mode)
		f.Cure = "chmod 700 " + dir
	}
	return true
}

// missing is for a directory that the first start makes; it needs a parent to do so.
func (d *doctor) missing(dir string, f *Finding) bool {
	parent := filepath.Dir(dir)
	for {
		info, err := os.Stat(parent)
		if err == nil && info.IsDir() {
			break
		}
		if next := filepath.Dir(parent); errors.Is(err, fs.ErrNotExist) && next != parent {
			parent = next
			continue
		}
		f.Status, f.Got = Fail, fmt.Sprintf("%s is not there and cannot be made: %s is no directory", dir, parent)
		f.Cure = "name another state_dir"
		return false
	}
	f.Tried = "look at " + dir
	if err := d.disk.write(parent); err != nil {
		f.Status, f.Got = Fail, fmt.Sprintf("it is not there and cannot be made: %v", err)
		f.Cure = fmt.Sprintf("make it for the user of mail2graph: install -d -m 700 -o USER %s", dir)
		return false
	}
	f.Got = "not there yet; the first start makes it"
	return true
}

func (d *doctor) space(dir string) {
	for { // the nearest that is there
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	f := Finding{Check: "space", Status: OK, Tried: "ask for free space at " + dir}
	defer func() { d.add(f) }()
	free, err := d.disk.space(dir)
	if errors.Is(err, outbox.ErrNoInodes) { // SMTP refuses mail
		f.Status, f.Got = Fail, "no inodes are left there, so no file can be made, however much room there is"
		f.Cure = outbox.InodesCure + ": df -i " + dir + " counts them"
		return
	}
	if err != nil {
		f.Status, f.Got = Skip, err.Error()
		return
	}
	f.Got = fmt.Sprintf("%d MiB", free>>20)
	switch {
	case free < outbox.DefaultReserve: // SMTP refuses mail
		f.Status = Fail
	case free < outbox.LowSpace:
		f.Status = Warn
	default:
		return
	}
	f.Cure = "make room, or give [cache] a smaller max_size: without room neither new mail nor UIDs can be kept"
}

// outbox reads the messages that wait, also while a service runs.
func (d *doctor) outbox(dir string) {
	f := Finding{Check: "outbox", Status: OK, Tried: "read " + dir}
	defer func() { d.add(f) }()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		f.Tried, f.Got = "look for "+dir, "not there yet; the first start makes it"
		return
	}
	h, err := outbox.Check(dir)
	switch {
	case errors.Is(err, outbox.ErrNewer):
		f.Status, f.Got, f.Cure = Fail, err.Error(), "run the newer version of mail2graph that wrote it"
	case err != nil:
		f.Status, f.Got, f.Cure = Fail, err.Error(), "let the user of mail2graph read and write there; other files have no business in it"
	case len(h.Damaged) > 0:
		f.Status, f.Got = Warn, fmt.Sprintf("%d message(s); damaged: %s", h.Messages, strings.Join(h.Damaged, "; "))
		f.Cure = "the next start puts damaged files aside, into its folder corrupt; mail2graph help recovery tells what is in them"
	case h.Aside > 0:
		f.Status, f.Got = Warn, fmt.Sprintf("%d message(s); %d damaged file(s) were put aside, into its folder corrupt", h.Messages, h.Aside)
		f.Cure = "look at them, send again what was not sent, and remove them: mail2graph help recovery"
	default:
		f.Got = fmt.Sprintf("%d message(s)", h.Messages)
	}
}

// index opens the index of a mailbox, unless a running mail2graph has it.
func (d *doctor) index(ctx context.Context, name string) {
	path := filepath.Join(d.cfg.MailboxDir(d.cfg.Mailboxes[name].Address), bridge.IndexFile)
	f := Finding{Check: "index", Subject: "mailbox " + name, Status: OK, Tried: "check " + path}
	defer func() { d.add(f) }()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		f.Tried, f.Got = "look for "+path, "not there yet; the first synchronisation makes it"
		return
	}
	x, err := index.Open(ctx, path, index.Options{Check: true})
	if errors.Is(err, index.ErrInUse) { // it can be looked at beside that
		d.running = true
		var s index.Summary
		if s, err = index.Inspect(ctx, path, true); err == nil {
			f.Got = fmt.Sprintf("whole, %d folder(s); a running mail2graph has it open", s.Folders)
		}
	} else if err == nil {
		var folders []bridge.FolderState
		folders, err = x.Folders(ctx)
		f.Got = fmt.Sprintf("whole, %d folder(s)", len(folders))
		err = errors.Join(err, x.Close())
	}
	if err != nil {
		f.Status, f.Got, f.Cure = Fail, err.Error(), indexCure(err, path)
	}
}

func indexCure(err error, path string) string {
	switch {
	case errors.Is(err, index.ErrDamaged), errors.Is(err, index.ErrForeign):
		return fmt.Sprintf("stop mail2graph, restore a copy of %[1]s, or move %[1]s away with those beside it (-wal, -shm): "+
			"no mail is lost, but programs will download everything again", path)
	case errors.Is(err, index.ErrNewer):
		return "run the newer version of mail2graph that wrote it"
	case errors.Is(err, bridge.ErrNoSpace):
		return "make room on the disk"
	}
	return "let the user of mail2graph read and write the file"
}

// tryFile makes a file in dir, writes to it and removes it.
func tryFile(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	_, err = f.WriteString("mail2graph doctor\n")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
