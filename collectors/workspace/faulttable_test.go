package workspace_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// batches are the discovery ids of what is asked for: of lists that something else is asked about, of what is asked about
// these, and of all else. What is in one of them can fail together, and each failure is told from the others.
func batches() map[string][]row {
	all := map[string][]row{}
	for _, r := range table() {
		batch := "others"
		switch {
		case r.method == "":
			continue
		case r.list != "":
			batch = "what is asked about things"
		case slices.ContainsFunc(table(), func(other row) bool { return other.list == r.name }), r.method == "directory.users.list":
			batch = "lists of things"
		}
		all[batch] = append(all[batch], r)
	}
	return all
}

// A misfortune is one way in which a source fails, and what the bundle then says.
type misfortune struct {
	name    string
	fault   fakegoogle.Fault
	class   evidence.GapClass // of the gap; "" where the answer comes in the end
	says    string            // in the gap's reason
	waits   int               // how often a single request is waited for
	atLeast time.Duration     // the first wait
}

func misfortunes() []misfortune {
	const forEver = -1
	return []misfortune{
		{"insufficient scope", fakegoogle.Fault{Times: forEver, Status: 403, Reason: "insufficientPermissions"}, evidence.GapRefused,
			"403 insufficient scope: Forbidden; hint: add https://www.googleapis.com/auth/", 0, 0},
		{"API disabled", fakegoogle.Fault{Times: forEver, Status: 403, Reason: "accessNotConfigured"}, evidence.GapRefused, "403 API disabled: Forbidden; hint: enable the ", 0, 0},
		{"not authorised", fakegoogle.Fault{Times: forEver, Status: 403, Reason: "forbidden"}, evidence.GapRefused, "403 not authorised: Forbidden; hint: ", 0, 0},
		{"not implemented", fakegoogle.Fault{Times: forEver, Status: 501, Reason: "notImplemented"}, evidence.GapRefused, "501 refused", 0, 0},
		{"403 of a quota, then well", fakegoogle.Fault{Status: 403, Reason: "userRateLimitExceeded"}, "", "", 1, time.Second},
		{"429, then well", fakegoogle.Fault{Status: 429, RetryAfter: 47 * time.Second}, "", "", 1, 47 * time.Second},
		{"429 for a day", fakegoogle.Fault{Times: forEver, Status: 429, RetryAfter: 24 * time.Hour}, evidence.GapFailed, "429 not available: Too Many Requests; it wants to be left alone for 24h", 0, 0},
		{"503 twice, then well", fakegoogle.Fault{Times: 2, Status: 503}, "", "", 2, time.Second},
		{"503 for ever", fakegoogle.Fault{Times: forEver, Status: 503}, evidence.GapFailed, "503 not available: Service Unavailable (asked 7 times)", 6, time.Second},
		{"401 once", fakegoogle.Fault{Status: 401}, "", "", 1, 0},
		{"cut before the answer, then well", fakegoogle.Fault{Reset: true}, "", "", 1, time.Second},
		{"cut within the answer, then well", fakegoogle.Fault{Truncate: true}, "", "", 1, time.Second},
		{"cut before the answer for ever", fakegoogle.Fault{Times: forEver, Reset: true}, evidence.GapFailed, "connection lost: ", 6, time.Second},
		{"cut within the answer for ever", fakegoogle.Fault{Times: forEver, Truncate: true}, evidence.GapFailed, "connection lost: ", 6, time.Second},
		{"half an answer, then well", fakegoogle.Fault{Garbage: true}, "", "", 1, time.Second},
		{"half an answer for ever", fakegoogle.Fault{Times: forEver, Garbage: true}, evidence.GapFailed, "damaged answer: it is not a whole JSON object (asked 7 times)", 6, time.Second},
		{"a circle of pages", fakegoogle.Fault{Times: forEver, LoopToken: true}, "", "", 0, 0},
	}
}

// TestFaultTable meets each row with each misfortune. Whatever happens, a row is either whole or a gap, never silence, and
// all that did not meet it are whole.
func TestFaultTable(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range misfortunes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for name, batch := range batches() {
				meet(t, key, m, name, batch)
			}
		})
	}
}

func meet(t *testing.T, key *rsa.PrivateKey, m misfortune, method string, batch []row) {
	t.Helper()
	g := newRig(t, fakegoogle.Config{Key: key, Messages: 1})
	var rows []string
	met := map[string]bool{}
	for _, r := range batch {
		rows = append(rows, r.name)
		if m.fault.Method = r.method; !met[r.method] {
			g.tenant.Fail(m.fault)
		}
		met[r.method] = true
	}
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Errorf("%s: %v", method, err)
		return
	}
	gaps := sink.Gaps()
	switch {
	case m.fault.LoopToken:
		checkCircle(t, rows, sink)
	case m.class == "":
		if len(gaps) > 0 {
			t.Errorf("%s: gaps although it went well in the end: %+v", method, gaps)
		}
	default:
		checkGaps(t, m, rows, sink)
	}
	if left := g.tenant.FaultsLeft(); len(left) > 0 {
		t.Errorf("%s: the misfortune did not happen", method)
	}
	if n := len(g.slept); m.waits == 0 && n > 0 || m.waits > 0 && (n == 0 || n%m.waits != 0 || g.slept[0] < m.atLeast) {
		t.Errorf("%s: waited %v, want times %d waits of at least %s", method, g.slept, m.waits, m.atLeast)
	}
	for _, other := range allRows() {
		if !slices.Contains(rows, other) && !dependsOn(other, rows) && !whole(sink, other) {
			t.Errorf("%s: %s suffers from it", method, other)
		}
	}
}

// whole says whether the last page of a row came.
func whole(sink *collectortest.Sink, row string) bool {
	return slices.ContainsFunc(sink.Resource(row), func(k collectortest.Kept) bool { return k.Item == "" || listOf(row) != "" })
}

// checkGaps wants a gap for each row that was asked for in vain, and for each row that depends on one, and no other.
func checkGaps(t *testing.T, m misfortune, rows []string, sink *collectortest.Sink) {
	t.Helper()
	for _, name := range allRows() {
		own, depends := slices.Contains(rows, name), dependsOn(name, rows)
		gaps := slices.DeleteFunc(sink.Gaps(), func(g evidence.Gap) bool { return g.Resource != name })
		if (len(gaps) > 0) != (own || depends) || (own || depends) && whole(sink, name) {
			t.Errorf("%s: %d gaps, and it is whole: %t", name, len(gaps), whole(sink, name))
		}
		for _, gap := range gaps {
			asked := strings.HasPrefix(gap.Request, "GET https://") || strings.HasPrefix(gap.Request, "POST https://driveactivity.googleapis.com/")
			if gap.Class != m.class || !strings.Contains(gap.Reason, m.says) && own || own != asked || depends && !strings.HasPrefix(gap.Reason, listOf(name)) {
				t.Errorf("%s: the gap is %+v, want one of class %s that says %q", name, gap, m.class, m.says)
			}
		}
	}
}

// checkCircle wants the pages that came and a gap that says from where on it is not known.
func checkCircle(t *testing.T, rows []string, sink *collectortest.Sink) {
	t.Helper()
	for _, name := range rows {
		if len(sink.Resource(name)) == 0 {
			t.Errorf("%s: the pages that came are not kept", name)
		}
		gaps := slices.DeleteFunc(sink.Gaps(), func(gap evidence.Gap) bool { return gap.Resource != name })
		if len(gaps) == 0 {
			t.Errorf("%s: no gap", name)
		}
		for _, gap := range gaps {
			if !strings.HasPrefix(gap.Reason, "page 2 and what follows it: 400") && !strings.HasPrefix(gap.Reason, "page 3 and what follows it: the pages go in a circle: page 2 names") {
				t.Errorf("%s: the gap says %q", name, gap.Reason)
			}
		}
	}
}

// TestPageFailsInTheMiddle keeps the pages before the hole, names the hole, and reads the list anew when it is taken up
// again.
func TestPageFailsInTheMiddle(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	var devices []map[string]any
	for i := range 250 {
		devices = append(devices, map[string]any{"resourceId": fmt.Sprintf("device-%03d", i), "email": []any{fakegoogle.Victim}})
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, MobileDevices: devices}); err != nil {
		t.Fatal(err)
	}
	g.tenant.Fail(fakegoogle.Fault{Method: "directory.mobiledevices.list", Page: 2, Times: 7, Status: http.StatusInternalServerError})
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	gaps := slices.DeleteFunc(sink.Gaps(), func(g evidence.Gap) bool { return g.Resource != "directory/mobiledevices" })
	if len(gaps) != 1 || !strings.HasPrefix(gaps[0].Reason, "page 2 and what follows it: 500") || !strings.Contains(gaps[0].Request, "pageToken=") {
		t.Fatalf("gaps: %+v", gaps)
	}
	if names := names(sink, "directory/mobiledevices"); !slices.Equal(names, []string{"1/1"}) {
		t.Fatalf("kept: %v", names)
	}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	if names := names(sink, "directory/mobiledevices"); !slices.Equal(names, []string{"1/1", "2/1", "2/2", ""}) {
		t.Errorf("taken up again: %v", names)
	}
}

// names are the items of a row, in the order in which they came.
func names(sink *collectortest.Sink, row string) []string {
	var items []string
	for _, k := range sink.Resource(row) {
		items = append(items, k.Item)
	}
	return items
}
