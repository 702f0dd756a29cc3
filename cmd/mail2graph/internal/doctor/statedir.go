package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// MakeStateDir makes the state directory where it is missing. The remark, "" or a
// sentence, is for root where the directory belongs to another user: a service of that user
// could not open what root makes there. Root in a container may have no other choice.
func MakeStateDir(dir string) (remark string, err error) { return realDisk().makeStateDir(dir) }

func (k disk) makeStateDir(dir string) (remark string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		cure := cmp.Or(StateCure(err, dir), "; name another state_dir, or let its parent be a directory where the user of mail2graph may make it")
		return "", fmt.Errorf("state_dir: %w%s", err, cure)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("state_dir: %w%s", err, StateCure(err, dir))
	}
	if owner, known := k.owner(info); known && k.euid() == 0 && owner != 0 {
		remark = fmt.Sprintf("state_dir %s belongs to user %d and this is root, who leaves files that a service of that user cannot open: "+
			"run it as that user (sudo -u '#%[2]d' mail2graph serve ...), or give the directory to root (chown -R root %[1]s)", dir, owner)
	}
	return remark, nil
}

// StateCure says what to do when something in the state directory cannot be opened or
// made, beginning with "; "; "" where the error tells enough.
func StateCure(err error, dir string) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "; all of state_dir has to belong to the user of mail2graph: as root, install -d -m 700 -o USER " + dir + " && chown -R USER " + dir
	case errors.Is(err, syscall.EROFS):
		return "; it is read-only here: remount the file system, name another state_dir, or, for a unit of systemd, let it write there (mail2graph service install --state " + dir + ")"
	}
	return ""
}
