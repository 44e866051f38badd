package main

import (
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// testForeign says which of the user's rules can be evaluated. Rules that cannot are a failure: who brings them counts on
// them.
func testForeign(t *terminal, dir string) error {
	foreign, err := findings.LoadForeign(dir)
	if err != nil {
		return usageError(err, "name a directory with Sigma rules about Google Workspace")
	}
	for _, why := range foreign.NotLoaded() {
		t.print("not evaluated: %s", visible.Line(why))
	}
	t.print("%d rules can be evaluated, %d cannot", foreign.Loaded(), len(foreign.NotLoaded()))
	if len(foreign.NotLoaded()) > 0 {
		return statusError(statusFailed)
	}
	return nil
}
