package index

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"mail2graph/bridge"
)

// Who waits for his turn to write stops waiting when his context ends.
func TestCancelledWaiting(t *testing.T) {
	x, err := Open(t.Context(), filepath.Join(t.TempDir(), "index.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	other, err := x.write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := x.SetSubscription(ctx, "x", true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

// dying is a context that ends after it was asked some times.
type dying struct {
	context.Context
	left int
}

func (c *dying) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// A context that ends at any point of Apply undoes all of it.
func TestCancelledInside(t *testing.T) {
	x, err := Open(t.Context(), filepath.Join(t.TempDir(), "index.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for left := 0; ; left++ {
		err := x.Apply(&dying{t.Context(), left}, benchUpdate(1, 1000))
		n := 0
		if err := x.Rows(t.Context(), benchFolder, func(bridge.Row) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			if n != 1000 || left < 4 {
				t.Errorf("done after %d questions, with %d rows; want some questions and 1000", left, n)
			}
			return
		}
		if !errors.Is(err, context.Canceled) || n != 0 {
			t.Fatalf("ended at question %d: %v, %d rows left behind", left, err, n)
		}
	}
}
