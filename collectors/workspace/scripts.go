package workspace

import (
	"net/url"
	"time"
)

// scriptStage are the runs of Apps Script that the account started, or that run in its name. No log has them.
func scriptStage() stage {
	return ofRun("Apps Script", func(r *run) []source {
		since, _ := r.window()
		return []source{{resource: "script/processes", api: appsScript, path: "v1/processes",
			query: url.Values{"pageSize": {"50"}, "userProcessFilter.startTime": {since.Format(time.RFC3339)}}, scope: scopeScripts, list: "processes"}}
	})
}
