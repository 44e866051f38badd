package workspace_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/gmailmessage"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

const (
	metadata = collectors.MessagesMetadata
	raw      = collectors.MessagesRaw
	someone  = "bob@example.test"
)

func unmetered() fakegoogle.Quotas { return fakegoogle.Quotas{GmailUnits: -1, GmailProject: -1} }

// mail reads an account's mail and looks whether only reads arrived, and nothing was lost without a word.
func (g *rig) mail(t *testing.T, ctx context.Context, scope collectors.Scope, sink *collectortest.Sink) error {
	t.Helper()
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Collect(ctx, scope, sink)
	for _, r := range g.tenant.Requests() {
		if !r.Reads() || r.Method != "token" && r.Method != "driveactivity.activity.query" && r.Verb != http.MethodGet {
			t.Errorf("%s %s arrived, which is no read", r.Verb, r.Path)
		}
	}
	if problems := sink.Problems(); len(problems) > 0 {
		t.Errorf("the sink has problems: %s", strings.Join(problems, "; "))
	}
	if silent := sink.Silence(); err == nil && len(silent) > 0 {
		t.Errorf("lost without a word: %s", strings.Join(silent, "; "))
	}
	return err
}

// drafting puts two drafts into the victim's mailbox.
func (g *rig) drafting(t *testing.T) {
	t.Helper()
	draft := func(n int) seedmail.Message {
		at := fakegoogle.Start().Add(-time.Duration(n) * time.Hour)
		return seedmail.Message{Folder: "Drafts", InternalDate: at, Raw: fmt.Appendf(nil, "Message-ID: <%d@draft>\r\nSubject: new account\r\n\r\npay here\r\n", n)}
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, Messages: []seedmail.Message{draft(1), draft(2)}}); err != nil {
		t.Fatal(err)
	}
}

func (g *rig) truth(t *testing.T, account string) fakegoogle.State {
	t.Helper()
	state, err := g.tenant.State(account)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// items are the items of a row, sorted.
func items(sink *collectortest.Sink, row string) []string {
	list := names(sink, row)
	slices.Sort(list)
	return list
}

func gapsOf(sink *collectortest.Sink, row string) []evidence.Gap {
	return slices.DeleteFunc(sink.Gaps(), func(g evidence.Gap) bool { return g.Resource != row })
}

// TestEveryMessage wants each message once, in the bytes that the tenant serves, and of raw ones the message in them.
func TestEveryMessage(t *testing.T) {
	for _, mode := range []collectors.MessageMode{metadata, raw} {
		g := newRig(t, fakegoogle.Config{Quotas: unmetered(), Mailboxes: map[string]int{fakegoogle.Victim: 30}})
		g.drafting(t)
		sink := &collectortest.Sink{}
		if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: mode}, sink); err != nil {
			t.Fatal(err)
		}
		if gaps := sink.Gaps(); len(gaps) > 0 {
			t.Errorf("%s: gaps: %+v", mode, gaps)
		}
		want := slices.Sorted(slices.Values(g.truth(t, fakegoogle.Victim).Messages))
		if got := items(sink, "gmail/messages"); !slices.Equal(got, want) {
			t.Errorf("%s: %d messages, want %d: %v", mode, len(got), len(want), got)
		}
		if e, _ := sink.Expected("gmail/messages"); e.Count != int64(len(want)) {
			t.Errorf("%s: announced %+v", mode, e)
		}
		for _, row := range []string{"gmail/messages", "gmail/drafts", "gmail/messagesList", "gmail/draftsList", "gmail/labelDetails", "gmail/history"} {
			if len(sink.Resource(row)) == 0 {
				t.Errorf("%s: %s has no exhibit", mode, row)
			}
			for _, k := range sink.Resource(row) {
				if string(k.Body) != string(g.get(t, k.Exhibit)) {
					t.Errorf("%s: the bytes are not those that the tenant serves", k.Name)
				}
			}
		}
		for _, k := range sink.Resource("gmail/messages") {
			checkMessage(t, g, mode, k)
		}
		first := len(sink.Kept())
		if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: mode}, sink); err != nil || len(sink.Kept()) != first {
			t.Errorf("%s: collecting again put %d more exhibits: %v", mode, len(sink.Kept())-first, err)
		}
	}
}

// checkMessage compares what is said of a message with the message.
func checkMessage(t *testing.T, g *rig, mode collectors.MessageMode, k collectortest.Kept) {
	t.Helper()
	whole := g.tenant.Raw(fakegoogle.Victim, k.Item)
	m, err := gmailmessage.Parse(k.Body)
	if err != nil {
		t.Fatal(err)
	}
	head, err := m.Head()
	if err != nil || k.Attrs["message"] != k.Item || k.Attrs["thread"] == "" || k.Attrs["internaldate"] == "" || k.Attrs["history"] == "" {
		t.Errorf("%s: %v, %v", k.Name, k.Attrs, err)
	}
	if mode == raw {
		if !bytes.Equal(head, whole) || k.Attrs["raw.sha256"] != fmt.Sprintf("%x", sha256.Sum256(whole)) || k.Attrs["raw.size"] != strconv.Itoa(len(whole)) {
			t.Errorf("%s: another message is in it, or its digest is wrong: %v", k.Name, k.Attrs)
		}
		return
	}
	if k.Attrs["raw.sha256"] != "" || len(whole) > 0 && !bytes.Contains(head, []byte("Message-ID: ")) && !bytes.Contains(head, []byte("Message-Id: ")) {
		t.Errorf("%s: the head is %q", k.Name, head)
	}
}

// TestNoMessages reads none, and of drafts their numbers only.
func TestNoMessages(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: collectors.MessagesNone}, sink); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"gmail/messages", "gmail/messagesList", "gmail/drafts"} {
		if _, announced := sink.Expected(row); announced || len(sink.Resource(row)) > 0 {
			t.Errorf("%s is read", row)
		}
	}
	for _, r := range g.tenant.Requests() {
		if r.Method == "gmail.users.messages.get" && r.Query != "fields=historyId&format=minimal" || r.Method == "gmail.users.drafts.get" {
			t.Errorf("%s?%s arrived", r.Path, r.Query)
		}
	}
}

// TestMessagesOverIMAP says in the row who reads them.
func TestMessagesOverIMAP(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	g.config.MessagesOverIMAP = "imaps://imap.gmail.com"
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: raw}, sink); err != nil {
		t.Fatal(err)
	}
	if e, ok := sink.Expected("gmail/messages"); !ok || !e.NotOffered || !strings.Contains(e.Note, "read over IMAP from imaps://imap.gmail.com") {
		t.Errorf("announced %+v", e)
	}
	for _, r := range g.tenant.Requests() {
		if r.Method == "gmail.users.drafts.get" || r.Method == "gmail.users.messages.get" && !strings.Contains(r.Query, "minimal") {
			t.Errorf("%s?%s arrived", r.Path, r.Query)
		}
	}
}

// TestWindow reads the days asked for and one more on each side, and says so.
func TestWindow(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: unmetered()})
	day := func(n int) time.Time { return time.Date(2026, 9, n, 12, 0, 0, 0, time.UTC) }
	seed := fakegoogle.Seed{Account: someone}
	for n := 1; n <= 30; n++ {
		seed.Messages = append(seed.Messages, seedmail.Message{Folder: "INBOX", InternalDate: day(n), Raw: fmt.Appendf(nil, "Subject: window %d\r\n\r\n", n)})
	}
	if err := g.tenant.Seed(seed); err != nil {
		t.Fatal(err)
	}
	bounds := func(n int) time.Time { return time.Date(2026, 9, n, 0, 0, 0, 0, time.UTC) }
	sink := &collectortest.Sink{}
	scope := collectors.Scope{Account: someone, Messages: raw, Since: bounds(10), Until: bounds(20)}
	if err := g.mail(t, t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range sink.Resource("gmail/messages") {
		m, err := gmailmessage.Parse(k.Body)
		if err != nil {
			t.Fatal(err)
		}
		if head, err := m.Head(); err == nil && bytes.HasPrefix(head, []byte("Subject: window ")) {
			got = append(got, strings.TrimSpace(string(head[len("Subject: window "):])))
		}
		if m.Received.Before(bounds(9)) || !m.Received.Before(bounds(22)) {
			t.Errorf("%s is of %s", k.Name, m.Received)
		}
	}
	slices.Sort(got)
	want := []string{"10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "9"}
	if !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if e, _ := sink.Expected("gmail/messages"); !strings.Contains(e.Note, "one more on each side: Gmail's search after:") {
		t.Errorf("announced %+v", e)
	}
}

// TestVanished deletes a message between the list and its turn.
func TestVanished(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quotas: unmetered()})
	ids := g.truth(t, fakegoogle.Victim).Messages
	g.tenant.Fail(fakegoogle.Fault{Method: "gmail.users.messages.get", Path: ids[2] + "$", Times: -1, Status: 404, Reason: "notFound"})
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: raw}, sink); err != nil {
		t.Fatal(err)
	}
	gaps := sink.Gaps()
	if len(gaps) != 1 || gaps[0].Resource != "gmail/messages" || gaps[0].Item != ids[2] || gaps[0].Class != evidence.GapVanished ||
		!strings.Contains(gaps[0].Reason, "404 not there any more") || strings.Contains(gaps[0].Reason, "hint") {
		t.Errorf("gaps: %+v", gaps)
	}
	if got := len(sink.Resource("gmail/messages")); got != len(ids)-1 {
		t.Errorf("%d messages, want %d", got, len(ids)-1)
	}
}

// A spoiler changes answers on their way.
type spoiler struct {
	next  http.RoundTripper
	spoil func(req *http.Request, resp *http.Response, body []byte) []byte
}

func (s spoiler) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	body = s.spoil(req, resp, body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

// TestDamagedMessages keeps answers from which no message can be read, and says so.
func TestDamagedMessages(t *testing.T) {
	for name, c := range map[string]struct {
		mode     collectors.MessageMode
		old, new string
		says     string
	}{
		"no base64url":    {raw, `"raw": "`, `"raw": "!`, "no base64url"},
		"nothing raw":     {raw, `"raw": "`, `"other": "`, "no whole message"},
		"no header":       {metadata, `"payload": {`, `"other": {`, "no header fields"},
		"another message": {raw, `"id": "`, `"id": "9`, "about another message"},
	} {
		g := newRig(t, fakegoogle.Config{Quotas: unmetered()})
		ids := g.truth(t, fakegoogle.Victim).Messages
		g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, _ *http.Response, body []byte) []byte {
			if strings.HasSuffix(req.URL.Path, "/messages/"+ids[1]) {
				return bytes.Replace(body, []byte(c.old), []byte(c.new), 1)
			}
			return body
		}}
		sink := &collectortest.Sink{}
		if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: c.mode}, sink); err != nil {
			t.Fatal(err)
		}
		gaps := sink.Gaps()
		if len(gaps) != 1 || gaps[0].Item != ids[1]+"/message" || gaps[0].Class != evidence.GapFailed || !strings.Contains(gaps[0].Reason, c.says) {
			t.Errorf("%s: gaps: %+v", name, gaps)
		}
		kept := slices.DeleteFunc(sink.Resource("gmail/messages"), func(k collectortest.Kept) bool { return k.Attrs["damaged"] == "" })
		if len(kept) != 1 || kept[0].Item != ids[1] || !strings.Contains(kept[0].Attrs["damaged"], c.says) {
			t.Errorf("%s: kept: %+v", name, kept)
		}
	}
}

// TestHistoryReach finds the oldest record that Gmail has, and says from where on it reads.
func TestHistoryReach(t *testing.T) {
	for _, days := range []int{1, 7, 40} {
		g := newRig(t, fakegoogle.Config{Quotas: unmetered(), History: time.Duration(days) * 24 * time.Hour})
		sink := &collectortest.Sink{}
		if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: collectors.MessagesNone}, sink); err != nil {
			t.Fatal(err)
		}
		e, _ := sink.Expected("gmail/history")
		var start, gone uint64
		if _, err := fmt.Sscanf(e.Note[strings.Index(e.Note, "from"):], "from history id %d on, the oldest that Gmail answers: %d is gone (404", &start, &gone); err != nil {
			t.Fatalf("%d days: %+v: %v", days, e, err)
		}
		if gone != start-1 {
			t.Errorf("%d days: %d is gone, and nothing is known of what is between it and %d", days, gone, start)
		}
		if status := g.historyStatus(t, start); status != http.StatusOK {
			t.Errorf("%d days: %d is answered with %d", days, start, status)
		}
		if status := g.historyStatus(t, gone); status != http.StatusNotFound {
			t.Errorf("%d days: %d is answered with %d", days, gone, status)
		}
	}
}

// TestWholeHistory reads from the beginning where nothing is gone yet.
func TestWholeHistory(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quotas: unmetered(), History: 1e6 * time.Hour})
	g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, resp *http.Response, body []byte) []byte {
		if strings.HasSuffix(req.URL.Path, "/history") && req.URL.Query().Get("startHistoryId") == "1" { // the tenant's own ids begin later
			resp.StatusCode = http.StatusOK
			return []byte(`{"historyId":"77"}`)
		}
		return body
	}}
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: collectors.MessagesNone}, sink); err != nil {
		t.Fatal(err)
	}
	if e, _ := sink.Expected("gmail/history"); !strings.Contains(e.Note, "from history id 1 on, as far back as ids go") {
		t.Errorf("announced %+v", e)
	}
}

// historyStatus asks the tenant itself from where on it has history.
func (g *rig) historyStatus(t *testing.T, start uint64) int {
	t.Helper()
	address := "https://gmail.googleapis.com/gmail/v1/users/" + fakegoogle.Victim + "/history?startHistoryId=" + strconv.FormatUint(start, 10)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.token(t, fakegoogle.Victim, "https://www.googleapis.com/auth/gmail.readonly"))
	resp, err := g.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestHistoryPages reads several pages, and tells what is missing where one is not to be had.
func TestHistoryPages(t *testing.T) {
	for _, broken := range []bool{false, true} {
		g := newRig(t, fakegoogle.Config{Quotas: unmetered(), Quiet: true, History: 1e6 * time.Hour, Mailboxes: map[string]int{someone: 1200}})
		if broken {
			g.tenant.Fail(fakegoogle.Fault{Method: "gmail.users.history.list", Page: 2, Times: -1, Status: 503})
		}
		sink := &collectortest.Sink{}
		if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: collectors.MessagesNone}, sink); err != nil {
			t.Fatal(err)
		}
		got, gaps := names(sink, "gmail/history"), sink.Gaps()
		if !broken && (len(got) < 3 || got[len(got)-1] != "" || len(gaps) > 0) {
			t.Errorf("kept %v, gaps %+v", got, gaps)
		}
		if broken && (!slices.Equal(got, []string{"1/1"}) || len(gaps) != 1 || !strings.HasPrefix(gaps[0].Reason, "page 2 and what follows it: 503")) {
			t.Errorf("kept %v, gaps %+v", got, gaps)
		}
	}
}

// TestMailFaults meets the lists and reads of messages and drafts with each misfortune: whatever happens, all is there or
// a gap says what is not.
func TestMailFaults(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range misfortunes() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"messages.list", "messages.get", "drafts.list", "drafts.get"} {
				meetMail(t, key, m, method)
			}
		})
	}
}

func meetMail(t *testing.T, key *rsa.PrivateKey, m misfortune, method string) {
	t.Helper()
	g := newRig(t, fakegoogle.Config{Key: key, Quotas: unmetered(), Mailboxes: map[string]int{fakegoogle.Victim: 5}})
	g.drafting(t)
	what, verb, _ := strings.Cut(method, ".")
	ids := g.truth(t, fakegoogle.Victim).Messages
	m.fault.Method = "gmail.users." + method
	if verb == "get" && what == "messages" {
		m.fault.Path = ids[3] + "$"
	}
	sink := &collectortest.Sink{}
	scope := collectors.Scope{Account: fakegoogle.Victim, Messages: metadata}
	// History looks at messages too: it is read first, so that the misfortune meets what is tested.
	if err := g.mail(t, t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: collectors.MessagesNone}, sink); err != nil {
		t.Fatal(err)
	}
	if what == "drafts" {
		sink = &collectortest.Sink{}
	}
	g.tenant.Fail(m.fault)
	if err := g.mail(t, t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	if left := g.tenant.FaultsLeft(); len(left) > 0 {
		t.Errorf("%s: the misfortune did not happen", method)
	}
	row, list := "gmail/"+what, "gmail/"+what+"List"
	rowGaps, listGaps := gapsOf(sink, row), gapsOf(sink, list)
	complete := len(sink.Resource(row)) == len(ids) || what == "drafts" && len(sink.Resource(row)) == 2
	switch {
	case m.fault.LoopToken && verb == "list":
		if len(listGaps) == 0 || len(rowGaps) == 0 {
			t.Errorf("%s: a circle leaves gaps %+v and %+v", method, listGaps, rowGaps)
		}
	case m.class == "" || m.fault.LoopToken:
		if len(sink.Gaps()) > 0 || !complete {
			t.Errorf("%s: went well in the end, with gaps %+v and %d exhibits", method, sink.Gaps(), len(sink.Resource(row)))
		}
	case verb == "list":
		if len(listGaps) != 1 || listGaps[0].Class != m.class || !strings.Contains(listGaps[0].Reason, m.says) || len(rowGaps) != 1 || len(sink.Resource(row)) > 0 {
			t.Errorf("%s: gaps %+v and %+v", method, listGaps, rowGaps)
		}
	default:
		if len(listGaps) != 0 || len(rowGaps) == 0 || rowGaps[0].Class != m.class || !strings.Contains(rowGaps[0].Reason, m.says) || rowGaps[0].Item == "" {
			t.Errorf("%s: gaps %+v and %+v", method, listGaps, rowGaps)
		}
	}
}

// TestListBreaksOff reads what the list named before it broke off, and does not call that all.
func TestListBreaksOff(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: unmetered(), Mailboxes: map[string]int{someone: 700}})
	g.tenant.Fail(fakegoogle.Fault{Method: "gmail.users.messages.list", Page: 2, Times: -1, Status: 500})
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: metadata}, sink); err != nil {
		t.Fatal(err)
	}
	list, row := gapsOf(sink, "gmail/messagesList"), gapsOf(sink, "gmail/messages")
	if len(list) != 1 || !strings.HasPrefix(list[0].Reason, "page 2 and what follows it: 500") {
		t.Errorf("gaps of the list: %+v", list)
	}
	if len(row) != 1 || row[0].Item != "" || !strings.Contains(row[0].Reason, "the list of them broke off") || len(sink.Resource("gmail/messages")) != 500 {
		t.Errorf("%d messages, gaps: %+v", len(sink.Resource("gmail/messages")), row)
	}
}

// TestPagesFailForAWhile breaks the second pages of lists, and some messages, in all ways that pass: all is there in the end.
func TestPagesFailForAWhile(t *testing.T) {
	for _, fault := range []fakegoogle.Fault{{Status: 503}, {Status: 403, Reason: "rateLimitExceeded"}, {Status: 429, RetryAfter: time.Second}, {Reset: true}, {Truncate: true}, {Garbage: true}} {
		g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: unmetered(), History: 1e6 * time.Hour, Mailboxes: map[string]int{someone: 600}})
		fault.Times, fault.Page = 2, 2
		list, history, get := fault, fault, fault
		list.Method, history.Method = "gmail.users.messages.list", "gmail.users.history.list"
		get.Method, get.Page, get.Path = "gmail.users.messages.get", 0, g.truth(t, someone).Messages[77]+"$"
		g.tenant.Fail(list, history, get)
		sink := &collectortest.Sink{DigestsOnly: true}
		if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: metadata}, sink); err != nil {
			t.Fatal(err)
		}
		if got := len(sink.Resource("gmail/messages")); got != 600 || len(sink.Gaps()) > 0 || len(g.tenant.FaultsLeft()) > 0 {
			t.Errorf("%+v: %d messages, gaps %+v, %d faults did not happen", fault, got, sink.Gaps(), len(g.tenant.FaultsLeft()))
		}
		for _, row := range []string{"gmail/messagesList", "gmail/history"} {
			if got := names(sink, row); !slices.Equal(got, []string{"1/1", ""}) {
				t.Errorf("%+v: %s: %v", fault, row, got)
			}
		}
	}
}

// TestRestIsGivenUp does not ask for a thousand messages that are refused one after the other.
func TestRestIsGivenUp(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: unmetered(), Mailboxes: map[string]int{someone: 600}})
	var asked atomic.Int64
	g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, resp *http.Response, body []byte) []byte {
		if strings.Contains(req.URL.Path, "/messages/") && req.URL.Query().Get("format") == "metadata" && asked.Add(1) > 100 {
			resp.StatusCode = http.StatusBadRequest
			return []byte(`{"error":{"code":400,"message":"Mail service not enabled","errors":[{"reason":"failedPrecondition"}]}}`)
		}
		return body
	}}
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: metadata}, sink); err != nil {
		t.Fatal(err)
	}
	row := gapsOf(sink, "gmail/messages")
	whole := slices.IndexFunc(row, func(g evidence.Gap) bool { return g.Item == "" })
	if len(sink.Resource("gmail/messages")) != 100 || whole < 0 || !strings.Contains(row[whole].Reason, "in a row were not to be had, and the rest is given up: 4") || len(row) > 60 {
		t.Errorf("%d messages, %d gaps, that of the whole row is number %d", len(sink.Resource("gmail/messages")), len(row), whole)
	}
	if n := asked.Load(); n > 160 { // 30 in a row, and what was under way beside them
		t.Errorf("%d were asked for", n)
	}
}

// TestStopAnywhere ends the collection at each request in turn and goes on: in the end all is there, once.
func TestStopAnywhere(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quotas: unmetered(), Mailboxes: map[string]int{fakegoogle.Victim: 3}})
	scope := collectors.Scope{Account: fakegoogle.Victim, Messages: raw}
	want := slices.Sorted(slices.Values(g.truth(t, fakegoogle.Victim).Messages))
	sink := &collectortest.Sink{}
	runs := 0
	for ; ; runs++ {
		ctx, cancel := context.WithCancel(t.Context())
		var calls atomic.Int64
		stopAt := int64(5 + 7*runs)
		g.config.Transport = stopper{g.server.Transport(), func() {
			if calls.Add(1) == stopAt {
				cancel()
			}
		}}
		err := g.mail(t, ctx, scope, sink)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || runs > 200 {
			t.Fatalf("run %d: %v", runs, err)
		}
	}
	if runs < 5 {
		t.Errorf("only %d stops", runs)
	}
	if got := items(sink, "gmail/messages"); !slices.Equal(got, want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	for _, row := range []string{"gmail/history", "gmail/draftsList", "gmail/messagesList"} {
		if !whole(sink, row) {
			t.Errorf("%s is not whole", row)
		}
	}
}

// TestStopAtEveryCall ends the collection at its first, its second, … its last request, and goes on: all is there, once.
func TestStopAtEveryCall(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: fakegoogle.Quotas{GmailUnits: -1, GmailProject: -1, Directory: -1, Others: -1},
		Mailboxes: map[string]int{someone: 3}})
	scope := collectors.Scope{Account: someone, Messages: raw}
	want := slices.Sorted(slices.Values(g.truth(t, someone).Messages))
	transport := g.server.Transport()
	for stopAt := int64(1); ; stopAt++ {
		ctx, cancel := context.WithCancel(t.Context())
		var calls atomic.Int64
		g.config.Transport = stopper{transport, func() {
			if calls.Add(1) == stopAt {
				cancel()
			}
		}}
		sink := &collectortest.Sink{}
		err := g.mail(t, ctx, scope, sink)
		cancel()
		if err == nil && calls.Load() < stopAt {
			break
		}
		g.config.Transport = transport
		if err := g.mail(t, t.Context(), scope, sink); err != nil {
			t.Fatalf("taken up again after a stop at call %d: %v", stopAt, err)
		}
		if got := items(sink, "gmail/messages"); !slices.Equal(got, want) || len(sink.Gaps()) > 0 {
			t.Fatalf("after a stop at call %d: %v, want %v, gaps %+v", stopAt, got, want, sink.Gaps())
		}
		for _, row := range []string{"gmail/history", "gmail/draftsList", "gmail/messagesList", "gmail/filters", "gmail/labels"} {
			if !whole(sink, row) {
				t.Errorf("after a stop at call %d: %s is not whole", stopAt, row)
			}
		}
		g.tenant.ForgetRequests()
	}
}

// A stopper hears of each request before it is sent.
type stopper struct {
	next http.RoundTripper
	hear func()
}

func (s stopper) RoundTrip(req *http.Request) (*http.Response, error) {
	s.hear()
	return s.next.RoundTrip(req)
}

// TestEncryptionIsNotLicensed tells an edition without client-side encryption from a refusal, and both from no keys.
func TestEncryptionIsNotLicensed(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		notOffered   bool
		gap          bool
	}{
		{"not licensed", `{"error":{"code":403,"message":"Client-side encryption is not enabled for this user","errors":[{"reason":"forbidden"}]}}`, true, false},
		{"failed precondition", `{"error":{"code":400,"message":"The user has no licence for this","errors":[{"reason":"failedPrecondition"}]}}`, true, false},
		{"refused", `{"error":{"code":403,"message":"Not Authorized to access this resource/API","errors":[{"reason":"forbidden"}]}}`, false, true},
		{"scope", `{"error":{"code":403,"message":"no scope for encryption","errors":[{"reason":"insufficientPermissions"}]}}`, false, true},
		{"empty", "", false, false},
	} {
		g := newRig(t, fakegoogle.Config{Quiet: true})
		g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, resp *http.Response, body []byte) []byte {
			if c.answer == "" || !strings.Contains(req.URL.Path, "/cse/") {
				return body
			}
			resp.StatusCode, _ = strconv.Atoi(c.answer[len(`{"error":{"code":`):][:3])
			return []byte(c.answer)
		}}
		sink := &collectortest.Sink{}
		if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: collectors.MessagesNone}, sink); err != nil {
			t.Fatal(err)
		}
		for _, row := range []string{"gmail/cseIdentities", "gmail/cseKeyPairs"} {
			e, _ := sink.Expected(row)
			if e.NotOffered != c.notOffered || len(gapsOf(sink, row)) > 0 != c.gap || c.answer == "" && !strings.HasPrefix(e.Note, "empty") {
				t.Errorf("%s: %s: %+v, gaps %+v", c.name, row, e, gapsOf(sink, row))
			}
		}
	}
}

// TestHowLongItTakes is said before a long read.
func TestHowLongItTakes(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: unmetered(), Mailboxes: map[string]int{someone: 601}})
	var said []string
	g.config.Say = func(text string) { said = append(said, text) }
	if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: metadata}, &collectortest.Sink{}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "601 messages to read; Gmail's quota lets that take 3m0s at the least, 1m0s where") {
		t.Errorf("said %q", said)
	}
}

// TestHostileIDs asks for nothing by an id that would be another path.
func TestHostileIDs(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Quiet: true, Quotas: unmetered()})
	g.config.Transport = spoiler{g.server.Transport(), func(req *http.Request, _ *http.Response, body []byte) []byte {
		switch {
		case strings.HasSuffix(req.URL.Path, "/messages"):
			return []byte(`{"messages":[{"id":"../profile"},{"id":""},{"id":7},{"id":"a b"}]}`)
		case strings.HasSuffix(req.URL.Path, "/labels"):
			return []byte(`{"labels":[{"id":"..","name":"x"}]}`)
		}
		return body
	}}
	sink := &collectortest.Sink{}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: metadata}, sink); err != nil {
		t.Fatal(err)
	}
	if gaps := gapsOf(sink, "gmail/messages"); len(gaps) != 3 || !strings.Contains(gaps[0].Reason, "no id to ask for") {
		t.Errorf("gaps: %+v", gaps)
	}
	if gaps := gapsOf(sink, "gmail/labelDetails"); len(gaps) != 1 {
		t.Errorf("gaps: %+v", gaps)
	}
	for _, r := range g.tenant.Requests() {
		if strings.Contains(r.Path, "..") || strings.Contains(r.Path, "%2F") {
			t.Errorf("%s was asked for", r.Path)
		}
	}
}

// TestQuotaLosesNothing reads more than three minutes' worth of quota: refusals for it are waited out.
func TestQuotaLosesNothing(t *testing.T) {
	clock := fakegoogle.NewClock(fakegoogle.Start())
	g := newRig(t, fakegoogle.Config{Quiet: true, Now: clock.Now, Mailboxes: map[string]int{someone: 700}})
	g.config.Sleep = func(ctx context.Context, d time.Duration) error {
		clock.Advance(d)
		return ctx.Err()
	}
	sink := &collectortest.Sink{DigestsOnly: true}
	if err := g.mail(t, t.Context(), collectors.Scope{Account: someone, Messages: metadata}, sink); err != nil {
		t.Fatal(err)
	}
	if got := len(sink.Resource("gmail/messages")); got != 700 || len(sink.Gaps()) > 0 {
		t.Errorf("%d messages, gaps %+v", got, sink.Gaps())
	}
	if passed := clock.Now().Sub(fakegoogle.Start()); passed < 2*time.Minute {
		t.Errorf("the quota was not met: %s passed", passed)
	}
}
