package workspace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// bundle collects into a bundle and seals it.
func (g *rig) bundle(t *testing.T, name string, scope collectors.Scope, since *evidence.EarlierBundle) *evidence.Bundle {
	t.Helper()
	w, seal := collectortest.NewBundle(t, name, []string{scope.Account}, since)
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(t.Context(), scope, w); err != nil {
		t.Fatal(err)
	}
	return seal()
}

// relabel does what a user does between two collections.
func (g *rig) relabel(t *testing.T, id, body string) {
	t.Helper()
	address := "https://gmail.googleapis.com/gmail/v1/users/" + fakegoogle.Victim + "/messages/" + id + "/modify"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.token(t, fakegoogle.Victim, "https://www.googleapis.com/auth/gmail.modify"))
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("relabelling: %s", resp.Status)
	}
	g.tenant.ForgetRequests()
}

// unlisted takes a message off the list, as if it had been deleted.
func (g *rig) unlisted(id string) {
	g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, _ *http.Response, body []byte) []byte {
		if !strings.HasSuffix(req.URL.Path, "/messages") {
			return body
		}
		var list struct {
			Messages []map[string]any `json:"messages"`
			Next     string           `json:"nextPageToken,omitempty"`
		}
		if json.Unmarshal(body, &list) != nil {
			return body
		}
		list.Messages = slices.DeleteFunc(list.Messages, func(m map[string]any) bool { return m["id"] == id })
		out, _ := json.Marshal(list) // maps of strings
		return out
	}}
}

func load(t *testing.T, bundles ...*evidence.Bundle) *earlier.State {
	t.Helper()
	state, err := earlier.Load(bundles, fakegoogle.Victim)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestSinceABundle fetches what is new and nothing else, and says what vanished and what was relabelled, over two
// collections that build on each other.
func TestSinceABundle(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quotas: unmetered(), Mailboxes: map[string]int{fakegoogle.Victim: 10}})
	ids := g.truth(t, fakegoogle.Victim).Messages
	scope := collectors.Scope{Account: fakegoogle.Victim, Messages: metadata}
	first := g.bundle(t, "01JDCTZ0000000000000000001", scope, nil)

	g.relabel(t, ids[3], `{"addLabelIds":["STARRED"]}`)
	g.unlisted(ids[5])
	letter := seedmail.Message{Folder: "INBOX", InternalDate: fakegoogle.Start().Add(-time.Minute), Raw: []byte("Message-ID: <new@example.test>\r\n\r\n")}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, Messages: []seedmail.Message{letter}}); err != nil {
		t.Fatal(err)
	}
	var heard []earlier.Report
	g.config.Disappeared = func(_ string, report earlier.Report) { heard = append(heard, report) }
	scope.Earlier = load(t, first)
	second := g.bundle(t, "01JDCTZ0000000000000000002", scope, &evidence.EarlierBundle{Bundle: first.Opening.Bundle, TagManifest: first.TagManifest})

	row := coverage(t, second, "gmail/messages")
	if row.Got != 1 || row.Asked != 1 || row.Status != evidence.StatusComplete || !strings.Contains(row.Reason, fmt.Sprintf("%d more are in the earlier bundle", len(ids)-1)) {
		t.Errorf("%+v", row)
	}
	if got := heard[0].Sum(); got.New != 1 || got.Vanished != 1 || got.Reflagged != 1 || got.FlagsUnknown != 0 {
		t.Errorf("%+v of %+v", got, heard[0])
	}
	c := heard[0].Folders[0].Earlier
	if c.Vanished[0].ID != ids[5] || c.Vanished[0].Bundle != first.Opening.Bundle || c.Reflagged[0].ID != ids[3] || !strings.Contains(c.Reflagged[0].After, "STARRED") ||
		strings.Contains(c.Reflagged[0].Before, "STARRED") || c.Flags != earlier.FlagsByHistory {
		t.Errorf("%+v", c)
	}
	reports, err := earlier.Reports(second)
	if err != nil || len(reports) != 1 {
		t.Errorf("%v, %v", reports, err)
	}

	scope.Earlier = load(t, first, second)
	third := g.bundle(t, "01JDCTZ0000000000000000003", scope, &evidence.EarlierBundle{Bundle: second.Opening.Bundle, TagManifest: second.TagManifest})
	if got := heard[1].Sum(); got != (earlier.Sum{}) || coverage(t, third, "gmail/messages").Got != 0 {
		t.Errorf("nothing happened since, and the report says %+v", got)
	}

	// Whole messages are fetched where the earlier bundle has headers only.
	scope.Messages, scope.Earlier = raw, load(t, first, second, third)
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	if got := len(sink.Resource("gmail/messages")); got != len(ids) { // one is gone, one is new
		t.Errorf("%d whole messages, want %d", got, len(ids))
	}
}

func coverage(t *testing.T, b *evidence.Bundle, resource string) evidence.Coverage {
	t.Helper()
	for _, row := range b.Coverage {
		if row.Resource == resource {
			return row
		}
	}
	t.Fatalf("no row %s", resource)
	return evidence.Coverage{}
}

// TestSinceABundleTooLongAgo says that labels were not compared where the history is gone, and stops nowhere.
func TestSinceABundleTooLongAgo(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quotas: unmetered()})
	scope := collectors.Scope{Account: fakegoogle.Victim, Messages: metadata}
	first := g.bundle(t, "01JDCTZ0000000000000000001", scope, nil)
	scope.Earlier = load(t, first)
	g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, resp *http.Response, body []byte) []byte {
		if strings.HasSuffix(req.URL.Path, "/history") && req.URL.Query().Get("startHistoryId") == fmt.Sprint(scope.Earlier.GmailHistory()) && req.URL.Query().Get("maxResults") == "1" {
			resp.StatusCode = http.StatusNotFound
			return []byte(`{"error":{"code":404,"message":"Requested entity was not found.","errors":[{"reason":"notFound"}]}}`)
		}
		return body
	}}
	for stopped := range 2 {
		sink := &collectortest.Sink{}
		if err := g.mail(t, t.Context(), scope, sink); err != nil {
			t.Fatal(err)
		}
		if stopped == 1 { // taken up again
			if err := g.mail(t, t.Context(), scope, sink); err != nil {
				t.Fatal(err)
			}
		}
		e, _ := sink.Expected("gmail/historySince")
		kept := sink.Resource(earlier.Resource)
		if !e.NotOffered || !strings.Contains(e.Note, "is gone (404)") || len(kept) != 1 || !bytes.Contains(kept[0].Body, []byte(`"flags": "not known"`)) || len(sink.Gaps()) > 0 {
			t.Errorf("%+v, %+v, gaps %+v", e, kept, sink.Gaps())
		}
	}
}
