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
}
