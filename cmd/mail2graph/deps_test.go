package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "mail2graph"

// allowed is the table of who may import what besides the standard library and
// packages below itself: arrows point to bridge, and siblings know nothing of each
// other. A name stands for itself and everything below it.
var allowed = map[string][]string{
	"bridge": {
		"github.com/BurntSushi/toml", "modernc.org/sqlite", "golang.org/x/crypto", "golang.org/x/net/idna", "golang.org/x/text",
		"golang.org/x/sys", "github.com/emersion/go-message", "github.com/emersion/go-imap/v2", "software.sslmate.com/src/go-pkcs12",
	},
	"imapsrv": {
		"mail2graph/bridge", "github.com/emersion/go-imap/v2", "github.com/emersion/go-sasl", "golang.org/x/text",
	},
	"smtpsrv": {
		"mail2graph/bridge", "github.com/emersion/go-smtp", "github.com/emersion/go-sasl",
	},
	"graphstore": {
		"mail2graph/bridge", "github.com/microsoftgraph/msgraph-sdk-go", "github.com/microsoft", "github.com/Azure/azure-sdk-for-go",
		"github.com/AzureAD/microsoft-authentication-library-for-go", "golang.org/x/net", "golang.org/x/text",
	},
	"graphstore/graphsim": {
		"github.com/emersion/go-message", "golang.org/x/text", "gopkg.in/yaml.v3",
	},
	"cmd/mail2graph": {
		"mail2graph/bridge", "mail2graph/imapsrv", "mail2graph/smtpsrv", "mail2graph/graphstore", "golang.org/x/term", "golang.org/x/sys",
	},
}

// forbiddenInTests is what tests of a package may not import either: who plays
// the other side must not share its code.
var forbiddenInTests = map[string][]string{
	"bridge":              {"mail2graph/imapsrv", "mail2graph/smtpsrv", "github.com/microsoftgraph"},
	"imapsrv":             {"mail2graph/smtpsrv", "mail2graph/graphstore", "github.com/microsoftgraph"},
	"smtpsrv":             {"mail2graph/imapsrv", "mail2graph/graphstore", "github.com/microsoftgraph"},
	"graphstore/graphsim": {"mail2graph/bridge", "mail2graph/imapsrv", "mail2graph/smtpsrv", "github.com/microsoftgraph"},
}

// within reports whether pkg is one of names or below one.
func within(pkg string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return pkg == n || strings.HasPrefix(pkg, n+"/") })
}

// owner is the longest entry of the table that covers a directory.
func owner(dir string) string {
	best := ""
	for name := range allowed {
		if within(dir, []string{name}) && len(name) > len(best) {
			best = name
		}
	}
	return best
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range parsed.Imports {
			pkg, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, rel, pkg)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

func checkImport(t *testing.T, file, pkg string) {
	dir := strings.TrimSuffix(file, "/"+filepath.Base(file))
	who := owner(dir)
	first, _, _ := strings.Cut(pkg, "/")
	switch {
	case who == "":
		t.Errorf("%s: no entry of the table covers it", file)
	case strings.HasSuffix(file, "_test.go"):
		if within(pkg, forbiddenInTests[who]) {
			t.Errorf("%s imports %s, which tests of %s may not", file, pkg, who)
		}
	case !strings.Contains(first, ".") && first != module: // standard library
	case within(pkg, []string{module + "/" + who}) && !(who == "graphstore" && within(pkg, []string{module + "/graphstore/graphsim"})):
	case !within(pkg, allowed[who]):
		t.Errorf("%s imports %s, which %s may not", file, pkg, who)
	}
}
