package workspace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// TestThingsOfABrokenList asks about what a list named before it broke off, and says that there is more.
func TestThingsOfABrokenList(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	var devices []map[string]any
	for i := range 25 { // 20 are on a page
		devices = append(devices, map[string]any{"resourceId": fmt.Sprintf("r%02d", i), "deviceId": fmt.Sprintf("d%02d", i), "status": "APPROVED", "email": []any{fakegoogle.Victim}})
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, MobileDevices: devices}); err != nil {
		t.Fatal(err)
	}
	g.tenant.Fail(fakegoogle.Fault{Method: "cloudidentity.devices.deviceUsers.list", Page: 2, Times: 7, Status: 503})
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"cloudidentity/devices", "cloudidentity/clientStates"} {
		gaps := gapsOf(sink, row)
		if len(sink.Resource(row)) != 20 || len(gaps) != 1 || gaps[0].Item != "" || gaps[0].Class != evidence.GapFailed ||
			!strings.HasPrefix(gaps[0].Reason, "what cloudidentity/deviceUsers does not name because it broke off") {
			t.Errorf("%s: %d kept, gaps %+v", row, len(sink.Resource(row)), gaps)
		}
	}
	before := len(sink.Kept())
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"cloudidentity/devices", "cloudidentity/clientStates"} {
		if n := len(sink.Resource(row)); n != 26 {
			t.Errorf("%s: %d kept after it was taken up again, with %d in all before", row, n, before)
		}
	}
}

// TestThingFails loses one thing and says which.
func TestThingFails(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.tenant.Fail(fakegoogle.Fault{Method: "directory.members.list", Path: "tous", Times: -1, Status: 503},
		fakegoogle.Fault{Method: "groupsSettings.groups.get", Path: "factures", Times: -1, Status: 404})
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	members, settings := gapsOf(sink, "directory/groupMembers"), gapsOf(sink, "groupssettings/groups")
	if len(members) != 1 || members[0].Item != "tous@example.test" || members[0].Class != evidence.GapFailed || len(sink.Resource("directory/groupMembers")) != 1 {
		t.Errorf("members: %+v", members)
	}
	if len(settings) != 1 || settings[0].Item != "factures@example.test" || settings[0].Class != evidence.GapVanished || !strings.Contains(settings[0].Reason, "; hint: ") {
		t.Errorf("settings: %+v", settings)
	}
	if e, _ := sink.Expected("directory/groupMembers"); e.Count != 2 {
		t.Errorf("members are announced as %+v", e)
	}
}

// TestMembersOfGroupsInGroups are in the answer.
func TestMembersOfGroupsInGroups(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, k := range sink.Resource("directory/groupMembers") {
		if k.Item == "factures@example.test" && (!strings.Contains(string(k.Body), "bob@example.test") || !strings.Contains(string(k.Body), fakegoogle.IntruderForward)) {
			t.Errorf("members are %s", k.Body)
		}
	}
}

// TestHostileNames are not asked about where they would lead elsewhere, and each is a gap.
func TestHostileNames(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	var files []map[string]any
	hostile := []string{"..", ".", "../../gmail/v1/users", "a/b?x=y#z", "\u202E", "x:batch", strings.Repeat("é", 500)}
	for _, id := range hostile {
		files = append(files, map[string]any{"id": id, "driveId": "d", "permissions": []any{}})
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, Files: files,
		MobileDevices: []map[string]any{{"resourceId": "r", "deviceId": "../..", "email": []any{fakegoogle.Victim}}}}); err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, id := range hostile {
		kept := slices.ContainsFunc(sink.Resource("drive/permissions"), func(k collectortest.Kept) bool { return k.Item == id })
		gap := slices.ContainsFunc(gapsOf(sink, "drive/permissions"), func(g evidence.Gap) bool { return g.Item == id })
		if kept == gap {
			t.Errorf("%.40q is kept (%t) and a gap (%t)", id, kept, gap)
		}
	}
	if len(gapsOf(sink, "cloudidentity/devices")) != 1 {
		t.Errorf("devices: %+v", gapsOf(sink, "cloudidentity/devices"))
	}
	for _, r := range g.tenant.Requests() {
		if r.Method == "" {
			t.Errorf("%.100s was asked for, which is nothing of Google's", r.Path)
		}
	}
}

// TestFanOutTakenUp stops within a fan-out: what is kept is not asked for again, and in the end nothing lacks.
func TestFanOutTakenUp(t *testing.T) {
	whole := &collectortest.Sink{}
	if err := newRig(t, fakegoogle.Config{Messages: 1}).collect(t, fakegoogle.Victim, whole); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"directory/groupMembers", "cloudidentity/clientStates", "alertcenter/metadata", "drive/permissions", "calendar/acl"} {
		g := newRig(t, fakegoogle.Config{Messages: 1})
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		sink := &collectortest.Sink{}
		sink.BeforePut = func(ex evidence.Exhibit) error {
			if ex.Resource == row {
				cancel()
			}
			return nil
		}
		if err := c.Collect(ctx, collectors.Scope{Account: fakegoogle.Victim, Messages: collectors.MessagesNone}, sink); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", row, err)
		}
		cancel()
		sink.BeforePut = nil
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil || len(sink.Gaps()) > 0 || len(sink.Kept()) != len(whole.Kept()) {
			t.Errorf("%s: %d exhibits of %d, gaps %+v, %v", row, len(sink.Kept()), len(whole.Kept()), sink.Gaps(), err)
		}
	}
}

// TestSharedListIsReadOnce asks for the alerts of the tenant once, for however many accounts.
func TestSharedListIsReadOnce(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{fakegoogle.Victim, "bob@example.test", "carol@example.test"} {
		sink := &collectortest.Sink{}
		if err := c.Collect(t.Context(), collectors.Scope{Account: account}, sink); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{fakegoogle.Victim: 2}[account]
		if n := len(sink.Resource("alertcenter/alert")); n != want {
			t.Errorf("%s: %d alerts, want %d", account, n, want)
		}
	}
	lists := 0
	for _, r := range g.tenant.Requests() {
		if r.Method == "alertcenter.alerts.list" {
			lists++
		}
	}
	if lists != 1 {
		t.Errorf("the alerts were listed %d times", lists)
	}
}

// TestNotACalendarUser is told from a refusal.
func TestNotACalendarUser(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.tenant.Fail(fakegoogle.Fault{Method: "calendar.calendarList.list", Times: -1, Status: 403, Reason: "notACalendarUser"},
		fakegoogle.Fault{Method: "drive.files.list", Times: -1, Status: 403, Reason: "domainPolicy"})
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"calendar/calendarList", "calendar/acl"} {
		if e, _ := sink.Expected(row); !e.NotOffered || !strings.HasPrefix(e.Note, "not licensed") || len(gapsOf(sink, row)) > 0 {
			t.Errorf("%s: %+v, gaps %+v", row, e, gapsOf(sink, row))
		}
	}
	if gaps := gapsOf(sink, "drive/files"); len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "403 service off: ") || !strings.Contains(gaps[0].Reason, "hint: the service behind the Google Drive API is off") {
		t.Errorf("drive/files: %+v", gaps)
	}
}

// TestUsersCreated lists those who were made in the window, and points at them.
func TestUsersCreated(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	state, err := g.tenant.State("bob@example.test")
	if err != nil {
		t.Fatal(err)
	}
	made, err := time.Parse(time.RFC3339, state.User["creationTime"].(string))
	if err != nil {
		t.Fatal(err)
	}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	scope := collectors.Scope{Account: tenantAccount, Since: made, Until: made.Add(time.Second)}
	if err := c.Tenant().Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Users []struct {
			User, Pointer string
			Page          int
		}
	}
	kept, pages := sink.Resource("directory/usersCreated"), sink.Resource("directory/users")
	if len(kept) != 1 || json.Unmarshal(kept[0].Body, &doc) != nil || len(doc.Users) != 1 || doc.Users[0].User != "bob@example.test" || doc.Users[0].Page != 1 {
		t.Fatalf("created: %+v, %+v", doc, kept)
	}
	var page struct{ Users []map[string]any }
	var at int
	if _, err := fmt.Sscanf(doc.Users[0].Pointer, "/users/%d", &at); err != nil || json.Unmarshal(pages[0].Body, &page) != nil || page.Users[at]["primaryEmail"] != "bob@example.test" {
		t.Errorf("the pointer %s does not lead to him", doc.Users[0].Pointer)
	}
}

// A rewriter changes the answers of a tenant.
type rewriter struct {
	next     http.RoundTripper
	from, to string
}

func (r rewriter) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.ReplaceAll(body, []byte(r.from), []byte(r.to))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// TestGoogleDidNotSearchAll keeps what came of a list of which Google says itself that it is not whole.
func TestGoogleDidNotSearchAll(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.config.Transport = rewriter{g.config.Transport, `"incompleteSearch": false`, `"incompleteSearch": true`}
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"drive/files", "drive/permissions"} {
		if gaps := gapsOf(sink, row); len(sink.Resource(row)) == 0 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "did not search everything") {
			t.Errorf("%s: %d kept, gaps %+v", row, len(sink.Resource(row)), gaps)
		}
	}
}
