package workspace_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors/workspace"
)

// TestScopesToPaste holds the list in the documentation to what is asked for.
func TestScopesToPaste(t *testing.T) {
	text, err := os.ReadFile("../../docs/WORKSPACE.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\n    " + strings.Join(workspace.Scopes(), ",") + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("docs/WORKSPACE.md does not have the line %q", want)
	}
	for _, group := range workspace.ScopeGroups() {
		if want := "\nFor " + group.Name + ":\n\n    " + strings.Join(group.Scopes, ",") + "\n"; !strings.Contains(string(text), want) {
			t.Errorf("docs/WORKSPACE.md does not have the lines %q", want)
		}
		for _, scope := range group.Scopes {
			if want := "\n| `" + scope[strings.LastIndex(scope, "/")+1:] + "` | "; !strings.Contains(string(text), want) {
				t.Errorf("docs/WORKSPACE.md has no row of %s", scope)
			}
		}
	}
}

// TestRowsAreInTheDocumentation looks for each row, by its name or by what stands behind its API's.
func TestRowsAreInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/WORKSPACE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range allRows() {
		api, name, _ := strings.Cut(row, "/")
		if !strings.Contains(string(text), "`"+row+"`") && !(strings.Contains(string(text), "`"+name+"`") && strings.Contains(string(text), "`"+api+"/")) {
			t.Errorf("docs/WORKSPACE.md does not tell of %s", row)
		}
	}
}
