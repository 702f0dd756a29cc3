package bridge

import (
	"bytes"
	"testing"
)

func TestAppendLower(t *testing.T) {
	for _, text := range []string{"", "abc", "ABC [xyz] @Z", "GRÜSSE", "straße İ K", "A\xffB", "ȺABC"} {
		if got, want := appendLower([]byte("Kept "), []byte(text)), "Kept "+string(bytes.ToLower([]byte(text))); string(got) != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
