package graphstore

import (
	"io"
	"strings"
	"testing"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
)

func outgoing(t *testing.T, text string) bridge.Outgoing {
	t.Helper()
	root, err := mimepart.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return bridge.Outgoing{Recipients: []string{"c@d.example"}, MIME: io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))), Parts: root}
}
