package fakegoogle

import (
	"net/http"
	"strings"
	"time"
)

// intruderScript is the project with which the intruder would send invoices on, were everything else taken from him.
const intruderScript = "1sCrIpTfAkE0077"

func scriptAPI() map[string]handler {
	return map[string]handler{"script.processes.list": ofUser(listProcesses)}
}

// processes are the runs of Apps Script for a user, newest first: no log has them.
func (t *Tenant) processes(a *account) []object {
	run := func(project, function, kind string, at time.Time, seconds, access string) object {
		return object{"projectName": project, "functionName": function, "processType": kind, "processStatus": "COMPLETED", "startTime": stamp(at),
			"duration": seconds + "s", "userAccessLevel": access, "runtimeVersion": "V8"}
	}
	var all []object
	if t.takenOver(a.person) {
		for began := t.at("2026-10-15 05:40:00"); began.After(t.at("2026-10-14 20:39:00")); began = began.Add(-time.Hour) {
			all = append(all, run("Synchronisation", "sync", "TIME_DRIVEN", began, "3.412", "OWNER"))
		}
		all = append(all, run("Synchronisation", "install", "EDITOR", t.at("2026-10-14 20:38:30"), "1.050", "OWNER"))
	}
	if a.role == manager {
		for day := range 20 {
			all = append(all, run("Tableau de bord", "refresh", "TIME_DRIVEN", t.morning().Add(-time.Hour-time.Duration(day)*dayLength), "12.700", "OWNER"))
		}
	}
	return all
}

// listProcesses understands the filters by time, type, status, project and function.
func listProcesses(c *call, a *account) (object, *apiError) {
	const f = "userProcessFilter."
	for _, unknown := range []string{"deploymentId", "scriptId", "userAccessLevels"} {
		if c.arg(f+unknown) != "" {
			return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand %s%s", f, unknown)
		}
	}
	from, to, types, statuses := c.arg(f+"startTime"), c.arg(f+"endTime"), c.args(f+"types"), c.args(f+"statuses")
	project, function := c.arg(f+"projectName"), c.arg(f+"functionName")
	var kept []object
	for _, p := range c.tenant.processes(a) {
		began := text(p, "startTime")
		if from != "" && began < utc(from) || to != "" && began > utc(to) {
			continue
		}
		if !oneOf(text(p, "processType"), types) || !oneOf(text(p, "processStatus"), statuses) {
			continue
		}
		if !strings.Contains(text(p, "projectName"), project) || function != "" && function != text(p, "functionName") {
			continue
		}
		kept = append(kept, p)
	}
	return c.paged(object{}, "processes", kept, 50, 50)
}

// oneOf says whether a value is among those asked for; none asked for is all.
func oneOf(value string, asked []string) bool {
	for _, a := range asked {
		if a == value {
			return true
		}
	}
	return len(asked) == 0
}

// utc writes a time of a request as the tenant writes times, or as it is where it is none.
func utc(s string) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return stamp(t)
	}
	return s
}
