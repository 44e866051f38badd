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

// methods are the discovery ids of what is asked for each row.
func methods() map[string]string {
	const settings = "gmail.users.settings."
	return map[string]string{
		"gmail/filters": settings + "filters.list", "gmail/autoForwarding": settings + "getAutoForwarding",
		"gmail/forwardingAddresses": settings + "forwardingAddresses.list", "gmail/delegates": settings + "delegates.list",
		"gmail/sendAs": settings + "sendAs.list", "gmail/vacation": settings + "getVacation", "gmail/imap": settings + "getImap",
		"gmail/pop": settings + "getPop", "gmail/language": settings + "getLanguage", "gmail/smimeInfo": settings + "sendAs.smimeInfo.list",
		"gmail/profile": "gmail.users.getProfile", "gmail/labels": "gmail.users.labels.list",
		"directory/tokens": "directory.tokens.list", "directory/asps": "directory.asps.list", "directory/user": "directory.users.get",
		"directory/aliases": "directory.users.aliases.list", "directory/mobiledevices": "directory.mobiledevices.list",
		"directory/groups": "directory.groups.list", "directory/roleAssignments": "directory.roleAssignments.list",
		"gmail/history": "gmail.users.history.list", "gmail/labelDetails": "gmail.users.labels.get", "gmail/draftsList": "gmail.users.drafts.list",
		"gmail/cseIdentities": settings + "cse.identities.list", "gmail/cseKeyPairs": settings + "cse.keypairs.list",
		"directory/roles": "directory.roles.list", "directory/verificationCodes": "directory.verificationCodes.list",
	}
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

// TestFaultTable meets each source with each misfortune. Whatever happens, the source is either whole or a gap, never
// silence, and all others are whole.
func TestFaultTable(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range misfortunes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, row := range allRows() {
				meet(t, key, m, row)
			}
		})
	}
}

func meet(t *testing.T, key *rsa.PrivateKey, m misfortune, row string) {
	g := newRig(t, fakegoogle.Config{Key: key, Messages: 1})
	m.fault.Method = methods()[row]
	g.tenant.Fail(m.fault)
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Errorf("%s: %v", row, err)
		return
	}
	gaps := sink.Gaps()
	switch {
	case m.fault.LoopToken:
		checkCircle(t, row, sink)
	case m.class == "":
		if len(gaps) > 0 {
			t.Errorf("%s: gaps although it went well in the end: %+v", row, gaps)
		}
	default:
		checkGaps(t, m, row, sink)
	}
	if left := g.tenant.FaultsLeft(); len(left) > 0 {
		t.Errorf("%s: the misfortune did not happen", row)
	}
	slept := g.slept
	if row == "gmail/history" {
		slept = nil // which of its requests meets it is not known
	} else if !itemised(row) && len(slept) != m.waits || m.waits > 0 && (len(slept) == 0 || slept[0] < m.atLeast) {
		t.Errorf("%s: waited %v, want %d waits of at least %s", row, slept, m.waits, m.atLeast)
	}
	for _, other := range allRows() {
		if other != row && !whole(sink, other) && dependent(row) != other {
			t.Errorf("%s: %s suffers from it", row, other)
		}
	}
}

// whole says whether the last page of a row came.
func whole(sink *collectortest.Sink, row string) bool {
	return slices.ContainsFunc(sink.Resource(row), func(k collectortest.Kept) bool { return k.Item == "" || itemised(row) })
}

// itemised says that a row has an exhibit for each of several things.
func itemised(row string) bool { return row == "gmail/smimeInfo" || row == "gmail/labelDetails" }

// dependent is the row that cannot be read without another one.
func dependent(row string) string {
	return map[string]string{"gmail/sendAs": "gmail/smimeInfo", "gmail/profile": "gmail/history", "gmail/labels": "gmail/labelDetails"}[row]
}

func checkGaps(t *testing.T, m misfortune, row string, sink *collectortest.Sink) {
	t.Helper()
	if whole(sink, row) {
		t.Errorf("%s is there although it failed", row)
	}
	found := 0
	for _, gap := range sink.Gaps() {
		if gap.Resource != row {
			if dependent(row) != gap.Resource {
				t.Errorf("%s: gap of another row: %+v", row, gap)
			}
			continue
		}
		found++
		if gap.Class != m.class || !strings.Contains(gap.Reason, m.says) || !strings.HasPrefix(gap.Request, "GET https://") {
			t.Errorf("%s: the gap is %+v, want one of class %s that says %q", row, gap, m.class, m.says)
		}
	}
	if found == 0 || found > 1 != itemised(row) {
		t.Errorf("%s: %d gaps", row, found)
	}
}

// checkCircle wants the pages that came and a gap that says from where on it is not known.
func checkCircle(t *testing.T, row string, sink *collectortest.Sink) {
	t.Helper()
	if kept := sink.Resource(row); len(kept) == 0 {
		t.Errorf("%s: the pages that came are not kept", row)
	}
	gaps := slices.DeleteFunc(sink.Gaps(), func(gap evidence.Gap) bool { return gap.Resource != row })
	if len(gaps) == 0 {
		t.Errorf("%s: no gap", row)
	}
	for _, gap := range gaps {
		if !strings.HasPrefix(gap.Reason, "page 2 and what follows it: 400") && !strings.HasPrefix(gap.Reason, "page 3 and what follows it: the pages go in a circle: page 2 names") {
			t.Errorf("%s: the gap says %q", row, gap.Reason)
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
	gaps := sink.Gaps()
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
