package index_test

import (
	"compress/gzip"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"mail2graph/bridge"
	"mail2graph/bridge/index"
)

// newFormat writes testdata/format-N.sqlite.gz when a release has a new format. The
// files of older releases are never written again.
var newFormat = flag.Bool("new-format", false, "write testdata/format-N.sqlite.gz of the newest format, if it is not there")

// fillFormat puts one of everything into an index.
func fillFormat(t *testing.T, x *index.Index) {
	t.Helper()
	ctx, at := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	u := bridge.FolderUpdate{
		State: bridge.FolderState{
			FolderInfo:  bridge.FolderInfo{ID: "AAMkA", Name: "Posteingang", Role: bridge.RoleInbox, Total: 3, Unread: 1},
			UIDValidity: 1_790_000_000, UIDNext: 5, ModSeq: 9, RecentUID: 4, DeltaLink: "https://graph.example/delta?x", Synced: true, FullCheck: at,
		},
		Put: []bridge.Entry{{Row: bridge.Row{UID: 2, ID: "m2", ModSeq: 4}}},
	}
	if err := x.Apply(ctx, u); err != nil {
		t.Fatal(err)
	}
	u.Put, u.Expunged = nil, []bridge.Expunged{{UID: 2, ModSeq: 7}}
	for i, uid := range []uint32{1, 3, 4} {
		u.Put = append(u.Put, bridge.Entry{
			Row: bridge.Row{UID: uid, ID: bridge.MessageID(fmt.Sprint("m", uid)), ModSeq: uint64(5 + i), Flags: bridge.FlagSeen | bridge.FlagDeleted,
				Received: at, Size: 1234, SizeExact: i == 0, Categories: []string{"Red", "Größe"}},
			Detail: &bridge.Detail{Preview: fmt.Sprint("text ", uid)},
		})
	}
	for _, err := range []error{
		x.Apply(ctx, u),
		x.SetSubscription(ctx, "Posteingang/Alt", true),
		x.RecordSent(ctx, "<sent@example.org>", at),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.NewUIDValidity(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestFormats opens an index of each released format, from the first on, and finds in it
// what fillFormat put there.
func TestFormats(t *testing.T) {
	if *newFormat {
		writeFormat(t)
	}
	files, err := filepath.Glob("testdata/format-*.sqlite.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "index.sqlite")
			unpack(t, file, path)
			x := open(t, path, index.Options{Check: true})
			checkFormat(t, x)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			x = open(t, path, index.Options{Check: true}) // what it was migrated to
			checkFormat(t, x)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			fresh := filepath.Join(t.TempDir(), "index.sqlite")
			filled(t, fresh, 1)
			if got, want := schema(t, path), schema(t, fresh); got != want {
				t.Errorf("migrated to\n%s\na new file has\n%s", got, want)
			}
		})
	}
}

// migrationTime is what a migration writes for {now}: two files may differ in it.
var migrationTime = regexp.MustCompile(`DEFAULT [0-9]{10,}`)

// schema is what a file has of tables and the like.
func schema(t *testing.T, path string) (all string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT group_concat(sql, '\n') FROM (SELECT sql FROM sqlite_schema ORDER BY name)").Scan(&all); err != nil {
		t.Fatal(err)
	}
	return migrationTime.ReplaceAllString(all, "DEFAULT {now}")
}

func checkFormat(t *testing.T, x *index.Index) {
	t.Helper()
	ctx, at := t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	folders, err := x.Folders(ctx)
	if err != nil || len(folders) != 1 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	f := folders[0]
	if f.Name != "Posteingang" || f.Role != bridge.RoleInbox || f.UIDValidity != 1_790_000_000 || f.UIDNext != 5 || f.ModSeq != 9 ||
		f.RecentUID != 4 || f.DeltaLink == "" || !f.Synced || !f.FullCheck.Equal(at) {
		t.Errorf("folder %+v", f)
	}
	var uids []uint32
	err = x.Rows(ctx, "AAMkA", func(r bridge.Row) error {
		uids = append(uids, r.UID)
		if r.ID != bridge.MessageID(fmt.Sprint("m", r.UID)) || r.Flags != bridge.FlagSeen|bridge.FlagDeleted || !r.Received.Equal(at) ||
			r.Size != 1234 || r.SizeExact != (r.UID == 1) || fmt.Sprint(r.Categories) != "[Red Größe]" {
			t.Errorf("row %+v", r)
		}
		return nil
	})
	if err != nil || fmt.Sprint(uids) != "[1 3 4]" {
		t.Errorf("uids %d, %v", uids, err)
	}
	err = x.Details(ctx, "AAMkA", uids, func(uid uint32, d *bridge.Detail) error {
		if d.Preview != fmt.Sprint("text ", uid) {
			t.Errorf("details of %d: %+v", uid, d)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if gone, err := x.Expunged(ctx, "AAMkA", 5); err != nil || len(gone) != 1 || gone[0].UID != 2 {
		t.Errorf("expunged %v, %v", gone, err)
	}
	if subs, err := x.Subscriptions(ctx); err != nil || !subs["Posteingang/Alt"] {
		t.Errorf("subscriptions %v, %v", subs, err)
	}
	if sent, err := x.WasSent(ctx, "<sent@example.org>", at); err != nil || !sent {
		t.Errorf("sent: %v, %v", sent, err)
	}
}

func writeFormat(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "index.sqlite")
	x := open(t, path, index.Options{})
	fillFormat(t, x)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(dir, "packed")
	s, err := index.Backup(t.Context(), path, packed)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("testdata/format-%d.sqlite.gz", s.Format)
	if _, err := os.Stat(name); err == nil {
		t.Logf("%s is there", name)
		return
	}
	in, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(out, gzip.BestCompression) // the level is valid
	if _, err := z.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, file, to string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
