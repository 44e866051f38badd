package facts_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
)

const (
	alice  = "alice@example.test"
	bundle = "01JDCTZ0000000000000000000"
)

// A reading is all that a collection tells of a bundle.
type reading struct {
	facts  []string
	rows   string
	unread string
	own    string
}

func read(t *testing.T, dir string, options facts.Options) reading {
	t.Helper()
	b, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // it was only read
	c := facts.NewCollection(options)
	defer c.Close() //nolint:errcheck // a temporary file
	if err := c.Read(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	var r reading
	for f, err := range c.All() {
		if err != nil {
			t.Fatal(err)
		}
		r.facts = append(r.facts, string(f.AppendJSON(nil)))
	}
	r.own = strings.Join(c.OwnDomains(), " ")
	for _, x := range []struct {
		into *string
		what any
	}{{&r.rows, c.Coverage().Rows()}, {&r.unread, c.Coverage().Unread()}} {
		text, err := json.Marshal(x.what)
		if err != nil {
			t.Fatal(err)
		}
		*x.into = string(text)
	}
	return r
}

// same reads a bundle in turn and with several workers.
func same(t *testing.T, dir string, options facts.Options) reading {
	t.Helper()
	options.Workers = 1
	want := read(t, dir, options)
	for _, options.Workers = range []int{2, 5} {
		got := read(t, dir, options)
		if len(got.facts) != len(want.facts) {
			t.Fatalf("%d workers: %d facts, in turn %d", options.Workers, len(got.facts), len(want.facts))
		}
		for i := range want.facts {
			if got.facts[i] != want.facts[i] {
				t.Fatalf("%d workers: fact %d is\n%s\nin turn it is\n%s", options.Workers, i, got.facts[i], want.facts[i])
			}
		}
		if got.rows != want.rows || got.unread != want.unread || got.own != want.own {
			t.Errorf("%d workers:\n%s\n%s\n%s\nin turn\n%s\n%s\n%s", options.Workers, got.rows, got.unread, got.own, want.rows, want.unread, want.own)
		}
	}
	return want
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// brokenLog is a page of activities none of which is one.
func brokenLog(n int) string { return `{"items":[7` + strings.Repeat(",7", n-1) + "]}" }

// mixed is a bundle of all kinds: what hangs on the order in which it is learnt stands between what is parsed early, and much cannot
// be read.
func mixed(t *testing.T) string {
	t.Helper()
	parent := t.TempDir()
	w := findingstest.NewIn(t, parent, bundle, alice)
	page := func(n, events int) string {
		var b strings.Builder
		b.WriteString(`{"items":[`)
		for i := range events {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":{"time":"2026-10-0%dT10:%02d:00Z","uniqueQualifier":"%d","applicationName":"login"},"actor":{"email":"%s","profileId":"%d"},"ipAddress":"203.0.113.%d",`+
				`"events":[{"type":"login","name":"login_success","parameters":[{"name":"login_type","value":"exchange"},{"name":"affected_email_address","value":"bob@example.test"}]}]}`,
				1+n%9, i%60, n*1000+i, alice, n%7, n%50)
		}
		return b.String() + "]}"
	}
	padded := func(page string, by int) string {
		return strings.TrimSuffix(page, "}") + `,"nextPageToken":"` + strings.Repeat("a", by) + `"}`
	}
	for n := range 60 {
		authentication := fmt.Sprintf("Authentication-Results: mx.later%d.test; spf=pass smtp.mailfrom=client.example; dmarc=fail\r\n", n%3)
		body := fmt.Sprintf("Received: from client.example ([198.51.100.%d])\r\n\tby mx.other.example with ESMTPS; Mon, 12 Oct 2026 09:%02d:00 +0200\r\n%sFrom: Client <c%d@client.example>\r\nTo: %s\r\nSubject: facture %d\r\n"+
			"Date: Mon, 12 Oct 2026 09:00:00 +0200\r\nMessage-ID: <%d@client.example>\r\n\r\n", n, n, authentication, n, alice, n, n)
		switch n % 6 {
		case 1: // larger than what is read whole
			body += strings.Repeat("text\r\n", 4000)
		case 2:
			body = strings.Repeat("X-Long: "+strings.Repeat("x", 900)+"\r\n", 25) + body
		case 3:
			body = ""
		}
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/INBOX", Item: fmt.Sprintf("7/%d", n+1), MediaType: "message/rfc822", Name: fmt.Sprintf("%d.eml", n+1),
			Attrs: map[string]string{"folder": "INBOX", "internaldate": "12-Oct-2026 09:00:00 +0200"}}, body)
		w.Add(evidence.Exhibit{Resource: "reports/login", Item: fmt.Sprintf("page-%d", n)}, page(n, 5+n%20))
		w.Add(evidence.Exhibit{Resource: "gmail/messages", Item: fmt.Sprint(n)}, fmt.Sprintf(`{"id":"18c%013x","threadId":"18c0","labelIds":["INBOX"],"internalDate":"1791000000000","payload":{"headers":[`+
			`{"name":"Authentication-Results","value":"mx.later%d.test; spf=pass"},{"name":"From","value":"c%d@client.example"},{"name":"Subject","value":"facture"}]}}`, n, n%3, n))
		if n == 20 || n == 40 { // from here on these servers are the organisation's
			w.Add(evidence.Exhibit{Resource: "directory/user", Item: fmt.Sprint(n)}, fmt.Sprintf(`{"primaryEmail":"alice@later%d.test","customerId":"C1"}`, n/20))
		}
	}
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "zipped", Attrs: map[string]string{"encoding": "gzip"}}, zipped(t, page(3, 30)))
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "bomb", Attrs: map[string]string{"encoding": "gzip"}}, zipped(t, padded(page(4, 20), 4<<20)))
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "no zip", Attrs: map[string]string{"encoding": "gzip"}}, page(5, 2))
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "unknown", Attrs: map[string]string{"encoding": "br"}}, page(5, 2))
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "large"}, padded(page(6, 20), 1<<20))
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "cut"}, page(7, 9)[:1500])
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "no log"}, `{"error":{"code":403}}`)
	w.Add(evidence.Exhibit{Resource: "reports/drive", Item: "empty"}, "")
	w.Add(evidence.Exhibit{Resource: "reports/drive", Item: "many"}, brokenLog(2_500)) // more than are told of one by one
	w.Add(evidence.Exhibit{Resource: "reports/login", Item: "long"}, page(8, 2_500))   // more facts than may wait
	w.Add(evidence.Exhibit{Resource: "gmail/messages", Item: "broken"}, `{"id":`)
	w.Add(evidence.Exhibit{Resource: "gmail/drafts", Item: "1"}, `{"id":"r1","message":{"id":"18d","payload":{"headers":[{"name":"Subject","value":"virement"}]}}}`)
	w.Add(evidence.Exhibit{Resource: "gmail/filters"}, `{"filter":[{"id":"f1","criteria":{"query":"facture"},"action":{"forward":"x@elsewhere.example"}}]}`)
	w.Open()
	return filepath.Join(parent, bundle)
}

// TestWorkersReadTheSame: with several workers the facts, their order and what is known of the bundle are those of one that reads
// each exhibit in its turn.
func TestWorkersReadTheSame(t *testing.T) {
	dir := mixed(t)
	for name, options := range map[string]facts.Options{"headers": {}, "content": {Content: true}} {
		t.Run(name, func(t *testing.T) {
			all := strings.Join(same(t, dir, options).facts, "\n")
			for _, what := range []string{`"kind":"audit"`, `"kind":"message"`, `"kind":"unreadable"`, `"kind":"draft"`, `"kind":"gmail_filter"`, `"auth.by":"mx.later1.test"`, `"auth.foreign":"mx.later1.test"`} {
				if !strings.Contains(all, what) {
					t.Errorf("no fact has %s: the test tries too little", what)
				}
			}
		})
	}
}

// TestWorkersReadDamageTheSame: of a bundle that was changed, cut or robbed of a file, all numbers of workers make the same.
func TestWorkersReadDamageTheSame(t *testing.T) {
	dir := mixed(t)
	segment, index := filepath.Join(dir, "data/segments/000001.zip"), filepath.Join(dir, "data/index/000001.jsonl")
	for name, file := range map[string]string{"bodies": segment, "index": index} {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		damages := map[string]func() error{
			"cut":  func() error { return os.WriteFile(file, whole[:len(whole)/2], 0o600) },
			"gone": func() error { return os.Remove(file) },
			"changed": func() error {
				changed := bytes.Clone(whole)
				for i := 1000; i < min(len(changed), 150_000); i += 3001 {
					changed[i] ^= 1
				}
				return os.WriteFile(file, changed, 0o600)
			},
		}
		for how, damage := range damages {
			t.Run(name+" "+how, func(t *testing.T) {
				if err := damage(); err != nil {
					t.Fatal(err)
				}
				r := same(t, dir, facts.Options{})
				if r.unread == "null" && !strings.Contains(strings.Join(r.facts, "\n"), "not what was sealed") {
					t.Error("the damage is not noticed: the test tries too little")
				}
			})
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyBrokenParts: of a log of which nothing can be read a hundred parts are told of and the rest is counted, in one fact and in
// the coverage.
func TestManyBrokenParts(t *testing.T) {
	parent := t.TempDir()
	w := findingstest.NewIn(t, parent, bundle, alice)
	w.Announce("reports/drive", 1)
	w.Add(evidence.Exhibit{Resource: "reports/drive"}, brokenLog(2_500))
	w.Open()
	got := read(t, filepath.Join(parent, bundle), facts.Options{})
	if len(got.facts) != 101 {
		t.Fatalf("%d facts", len(got.facts))
	}
	if all := strings.Join(got.facts, "\n"); strings.Count(all, `"parts":2400`) != 1 || !strings.Contains(all, "2400 more parts of this exhibit cannot be read either") {
		t.Errorf("none of them speaks for the rest: %s", got.facts[100])
	}
	if !strings.Contains(got.rows, `"unreadable":2500`) {
		t.Errorf("the coverage is %s", got.rows)
	}
}

// TestCancelled: a context that ends ends reading, and the error says so.
func TestCancelled(t *testing.T) {
	b, err := evidence.Open(mixed(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // it was only read
	c := facts.NewCollection(facts.Options{Workers: 3})
	defer c.Close() //nolint:errcheck // a temporary file
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Read(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
