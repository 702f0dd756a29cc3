package index_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
)

const fullDiskDir = "INDEX_TEST_FULL_DISK"

// TestOpenOnFullDisk runs TestOpenOnFullDiskInside where it may mount a small disk: in
// namespaces of its own.
func TestOpenOnFullDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestOpenOnFullDiskInside$", "-test.v")
	cmd.Env = append(os.Environ(), fullDiskDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("no disk:")), err != nil && len(out) == 0:
		t.Skipf("this system lets no user mount: %v %s", err, out)
	case err != nil || !bytes.Contains(out, []byte("--- PASS: TestOpenOnFullDiskInside")):
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestOpenOnFullDiskInside(t *testing.T) {
	dir := os.Getenv(fullDiskDir)
	if dir == "" {
		t.Skip("TestOpenOnFullDisk runs it")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,mode=700"); err != nil {
		t.Fatalf("no disk: %v", err)
	}
	path := filepath.Join(dir, "index.db")
	filled(t, path, 100)
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		t.Helper()
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for block := make([]byte, 4096); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	fill()
	regained := 0
	x, err := index.Open(t.Context(), path, index.Options{Writable: func() { regained++ }})
	if err != nil {
		t.Fatalf("not opened: %v", err)
	}
	if !x.ReadOnly() {
		t.Error("it says that it can be written")
	}
	n := 0
	if err := x.Rows(t.Context(), "f", func(bridge.Row) error { n++; return nil }); err != nil || n != 100 {
		t.Errorf("%d rows, %v, want 100", n, err)
	}
	refused := func() {
		t.Helper()
		if _, err := x.NewUIDValidity(t.Context()); !errors.Is(err, bridge.ErrNoSpace) {
			t.Errorf("a change: %v, want ErrNoSpace", err)
		}
	}
	refused()
	// With room again it takes changes by itself, once nobody reads what was immutable.
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := x.Rows(t.Context(), "f", func(r bridge.Row) error {
		if r.UID == 1 {
			refused()
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	first, err := x.NewUIDValidity(t.Context())
	if err != nil || x.ReadOnly() || regained != 1 {
		t.Fatalf("with room again: %v, read-only %v, told %d times", err, x.ReadOnly(), regained)
	}
	if second, err := x.NewUIDValidity(t.Context()); err != nil || second <= first {
		t.Errorf("the next: %d after %d, %v", second, first, err)
	}
	n = 0
	if err := x.Rows(t.Context(), "f", func(bridge.Row) error { n++; return nil }); err != nil || n != 100 {
		t.Errorf("then: %d rows, %v, want 100", n, err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	fill()
	// A new mailbox has nothing that could be read.
	if x, err := index.Open(t.Context(), filepath.Join(dir, "new.db"), index.Options{}); !errors.Is(err, bridge.ErrNoSpace) {
		t.Errorf("a new index: %v, %v, want ErrNoSpace", x, err)
	}
	// What was killed has its log, which is read as it is or refused; nothing is lost.
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	x, err = index.Open(t.Context(), path, index.Options{})
	if err != nil || x.ReadOnly() {
		t.Fatalf("with room again: %v", err)
	}
	if _, err := x.NewUIDValidity(t.Context()); err != nil {
		t.Error(err)
	}
	killed := filepath.Join(dir, "killed.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(killed+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	fill()
	if x, err := index.Open(t.Context(), killed, index.Options{}); err == nil {
		x.Close()
	} else if !errors.Is(err, bridge.ErrNoSpace) {
		t.Errorf("with a log: %v, want ErrNoSpace or none", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	x = open(t, killed, index.Options{Check: true})
	n = 0
	if err := x.Rows(t.Context(), "f", func(bridge.Row) error { n++; return nil }); err != nil || n != 100 {
		t.Errorf("after all that: %d rows, %v, want 100", n, err)
	}
}
