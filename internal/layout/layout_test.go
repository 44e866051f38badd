package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mbaudit/mbaudit/"

// allowed says, for each package, which of ours it may import. "cmd/mbaudit" may import all. A package that is not
// listed fails the test: whoever adds one says here what it may know.
func allowed() map[string][]string {
	return map[string][]string{
		"collectors":                {"evidence", "evidence/earlier"},
		"collectors/collectortest":  {"collectors", "evidence", "evidence/signature"},
		"collectors/imap":           {"collectors", "evidence", "evidence/earlier", "evidence/settings", "internal/imapwire", "internal/managesieve", "internal/secret", "internal/visible"},
		"collectors/files":          {"collectors", "internal/imapwire", "evidence", "internal/logfiles", "internal/visible"},
		"collectors/imap/imapbench": {"collectors", "collectors/imap", "internal/imapwire", "evidence", "internal/secret"},
		"collectors/authlog":        {"collectors", "evidence", "internal/logfiles", "internal/maillog", "internal/visible"},
		"collectors/reportsfile":    {"collectors", "evidence", "internal/googlelog", "internal/logfiles", "internal/visible"},
		"collectors/workspace":      {"collectors", "evidence", "evidence/earlier", "internal/gmailmessage", "internal/googlekey", "internal/googlelog", "internal/sleep", "internal/secret"},

		"evidence":                 {"evidence/signature", "evidence/timestamp", "internal/visible"},
		"evidence/earlier":         {"evidence"},
		"evidence/bundlediff":      {"evidence", "evidence/earlier", "evidence/settings"},
		"evidence/mailexport":      {"evidence", "evidence/selection"},
		"evidence/selection":       {"evidence", "internal/gmailmessage", "internal/mailheader"},
		"evidence/settings":        {"evidence"},
		"evidence/journal":         {},
		"evidence/journal/anchor":  {"evidence/journal", "evidence/timestamp"},
		"evidence/journal/export":  {"evidence/journal", "internal/visible"},
		"evidence/journal/remote":  {"evidence/journal", "evidence/store"},
		"evidence/signature":       {"internal/secret"},
		"evidence/timestamp":       {"internal/visible"},
		"evidence/store":           {},
		"evidence/store/dir":       {"evidence/store"},
		"evidence/store/s3":        {"evidence/store"},
		"evidence/store/probe":     {"evidence/store", "evidence/store/s3"},
		"evidence/store/storetest": {"evidence/store"},

		"containment":           {},
		"containment/imap":      {"containment", "internal/imapwire", "internal/managesieve", "internal/sleep", "internal/secret", "internal/visible"},
		"containment/workspace": {"containment", "internal/gmailmessage", "internal/googlekey", "internal/sleep", "internal/secret"},
		"findings":              {"evidence", "findings/facts", "findings/networks", "findings/rules", "findings/sigma"},
		"findings/addresses":    {"internal/mailheader"},
		"findings/content":      {"internal/mailheader"},
		"findings/decision":     {"evidence/journal", "findings", "findings/facts", "findings/networks", "internal/casefile"},
		"findings/facts": {"evidence", "evidence/earlier", "evidence/selection", "evidence/settings", "findings/addresses", "findings/content",
			"findings/networks", "internal/ahead", "internal/bodystructure", "internal/googlelog", "internal/mailheader"},
		"findings/findingstest": {"evidence", "evidence/signature"},
		"findings/networks":     {},
		"findings/rules":        {"findings/facts", "findings/sigma"},
		"findings/sigma":        {},
		"findings/suspects":     {"findings", "findings/addresses", "findings/decision", "findings/facts", "findings/networks"},
		"findings/mailrule":     {"internal/visible"},
		"findings/watch":        {"findings", "findings/facts", "findings/networks", "internal/googlelog"},

		"report":         {"evidence", "evidence/journal", "evidence/journal/export", "findings", "findings/content", "findings/decision", "findings/facts", "findings/suspects", "internal/casefile", "internal/phrase", "internal/visible"},
		"report/browser": {"internal/visible"},
		"report/handover": {"evidence/journal", "evidence/journal/export", "findings", "findings/decision", "findings/facts", "findings/suspects",
			"internal/casefile", "internal/visible", "report"},

		"internal/ahead":         {},
		"internal/casefile":      {},
		"internal/gmailmessage":  {},
		"internal/demo":          {"evidence/timestamp", "internal/fakegoogle", "internal/seedmail"},
		"internal/bodystructure": {"internal/mailheader"},
		"internal/imapwire":      {"internal/visible"},
		"internal/managesieve":   {"internal/visible"},
		"internal/layout":        {},
		"internal/mailheader":    {},
		"internal/phrase":        {},
		"internal/sleep":         {},
		"internal/secret":        {},
		"internal/googlekey":     {"internal/secret"},
		"internal/visible":       {},
		"internal/maillog":       {},
		"internal/googlelog":     {},
		"internal/logfiles":      {"evidence", "internal/visible"},

		"internal/fakegoogle":            {"internal/seedmail"}, // of what is shipped, only the demo may import it
		"internal/seedmail":              {},
		"internal/seedmail/cmd/seedmail": {"internal/seedmail"},
		"internal/servertest":            {"internal/seedmail"},
		"internal/servertest/cmd/tsa":    {},
	}
}

// TestImports parses the imports of every package. Tests may import what they like: they are not shipped.
func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	rules := allowed()
	found := make(map[string]bool)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "testdata" || name != ".." && strings.HasPrefix(name, ".") && file != root {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		found[pkg] = true
		may, listed := rules[pkg]
		if pkg == "cmd/mbaudit" {
			return nil
		}
		if !listed {
			t.Errorf("%s: the package is not in the layout; say in allowed() what it may import", pkg)
			return nil
		}
		for _, imported := range ownImports(t, file) {
			if !slices.Contains(may, imported) {
				t.Errorf("%s imports %s, which the layout does not allow", file, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range rules {
		if !found[pkg] && pkg != "internal/layout" {
			t.Errorf("the layout lists %s, which is not there", pkg)
		}
	}
}

// TestOnlyContainmentChanges lets nobody but what takes an account back have a connection send what changes something.
func TestOnlyContainmentChanges(t *testing.T) {
	root := filepath.Join("..", "..")
	used := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), ".AllowChanges(") {
			return err
		}
		used++
		if dir := filepath.ToSlash(filepath.Dir(file)); dir != "../../containment/imap" {
			t.Errorf("%s has a connection send what changes something", file)
		}
		return nil
	})
	if err != nil || used == 0 {
		t.Fatalf("%d files, %v", used, err)
	}
}

// TestDocumentation wants each package to say what it promises.
func TestDocumentation(t *testing.T) {
	for pkg := range allowed() {
		if strings.Contains(pkg, "/cmd/") {
			continue // a program of one file, with its comment on top
		}
		if file := filepath.Join("..", "..", filepath.FromSlash(pkg), "doc.go"); !hasPackageComment(t, file) {
			t.Errorf("%s says nothing of the package", file)
		}
	}
}

func hasPackageComment(t *testing.T, file string) bool {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return tree.Doc != nil && len(tree.Doc.Text()) > 40
}

func ownImports(t *testing.T, file string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, spec := range tree.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(name, module); ok {
			own = append(own, path.Clean(rest))
		}
	}
	return own
}

// TestNothingUnexpectedAtTheRoot keeps the root listing what the README says it is.
func TestNothingUnexpectedAtTheRoot(t *testing.T) {
	expected := []string{"cmd", "collectors", "containment", "evidence", "findings", "report", "internal", "testdata", "docs", "docker-compose.yml", "go.mod", "go.sum", "README.md", "LICENSE", "Makefile"}
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "bin" || strings.HasPrefix(name, "mbaudit-demo") || strings.HasSuffix(name, ".prof") {
			continue
		}
		if !slices.Contains(expected, name) {
			t.Errorf("%s at the root is not in the layout", name)
		}
	}
}
