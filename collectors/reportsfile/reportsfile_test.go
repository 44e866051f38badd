package reportsfile

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

const alice = "alice@example.com"

var _ collectors.Collector = (*Collector)(nil)

func activity(qualifier, actor, name string) string {
	return fmt.Sprintf(`{"id":{"time":"2026-10-12T07:14:05Z","uniqueQualifier":%q,"applicationName":"login","customerId":"C1"},"actor":{"email":%q},`+
		`"ipAddress":"192.0.2.66","events":[{"type":"login","name":%q,"parameters":[{"name":"who","value":"Alice@example.com"}]},{"name":"second"}]}`, qualifier, actor, name)
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	then := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func collect(t testing.TB, cfg Config) *collectortest.Sink {
	t.Helper()
	sink := &collectortest.Sink{}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(t.Context(), collectors.Scope{Account: alice}, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	return sink
}

// of returns the exhibits of a kind, by the base name of their item.
func of(sink *collectortest.Sink, kind string) map[string]collectortest.Kept {
	m := map[string]collectortest.Kept{}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, kind+":") {
			m[filepath.Base(k.Item)] = k
		}
	}
	return m
}

func eventsOf(t testing.TB, k collectortest.Kept) (list []map[string]any) {
	t.Helper()
	for l := range bytes.Lines(k.Body) {
		var e map[string]any
		if err := json.Unmarshal(l, &e); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		list = append(list, e)
	}
	return list
}

func gzipped(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, members ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.Create(members[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, members[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEachEncoding keeps files byte for byte and reads the same events in each; the source stays as it is.
func TestEachEncoding(t *testing.T) {
	text := activity("1", alice, "login_success") + "\n" + activity("2", "bob@example.com", "logout") + "\n"
	for name, content := range map[string][]byte{"a.json": []byte(text), "a.json.gz": gzipped(t, []byte(text)), "a.zip": zipped(t, "x/", "", "x/a.json", text)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			write(t, path, content)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			sink := collect(t, Config{Path: path})
			if gaps := sink.Gaps(); len(gaps) > 0 {
				t.Errorf("gaps: %+v", gaps)
			}
			k := of(sink, "reports")[name]
			if k.Digest != sha256.Sum256(content) || k.Attrs["mtime"] != "2026-11-01T12:00:00Z" || k.Attrs["file-size"] != fmt.Sprint(len(content)) {
				t.Errorf("kept: %s %v", k.Digest, k.Attrs)
			}
			e := of(sink, "report-events")[name]
			got := eventsOf(t, e)
			if len(got) != 4 || e.Attrs["source-sha256"] != k.Digest.String() {
				t.Fatalf("%d events, %v: %s", len(got), e.Attrs, e.Body)
			}
			about := fmt.Sprint(got[0]["about"], got[1]["about"], got[2]["about"], got[3]["about"], got[3]["own_domain"])
			if about != "[map[account:alice@example.com as:actor]] [map[account:alice@example.com as:actor]] [map[account:alice@example.com as:target]] <nil> true" {
				t.Errorf("about: %s", about)
			}
			if int(got[2]["offset"].(float64)) != strings.Index(text, "\n")+1 || got[3]["name"] != "second" || got[2]["time"] != "2026-10-12T07:14:05Z" || got[2]["ip"] != "192.0.2.66" {
				t.Errorf("%v", got[2])
			}
			after, err := os.Stat(path)
			if err != nil || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("the source changed: %v", err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
				t.Errorf("the source changed: %v", err)
			}
		})
	}
}

// TestDuplicates are marked across files, and stay.
func TestDuplicates(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.json"), []byte(activity("1", alice, "x")))
	write(t, filepath.Join(dir, "b.json"), []byte("["+activity("2", alice, "x")+", "+strings.Replace(activity("1", alice, "x"), ":05Z", ":05.000Z", 1)+"]"))
	write(t, filepath.Join(dir, "c.csv"), []byte("Date,Event\n2026-10-12T07:14:05Z,a\n2026-10-12T07:14:05Z,a\n"))
	sink := collect(t, Config{Path: dir})
	var marks []any
	for _, name := range []string{"a.json", "b.json", "c.csv"} {
		for _, e := range eventsOf(t, of(sink, "report-events")[name]) {
			marks = append(marks, e["duplicate"])
		}
	}
	if got := fmt.Sprint(marks); got != "[<nil> <nil> <nil> <nil> event event <nil> identical]" {
		t.Error(got)
	}
}

// TestGaps names what was not read, by class.
func TestGaps(t *testing.T) {
	one := activity("1", alice, "x")
	for name, test := range map[string]struct {
		content []byte
		class   evidence.GapClass
		reason  string
	}{
		"more.json":   {[]byte(`{"items":[` + one + `],"nextPageToken":"t"}`), evidence.GapUnaccounted, "there is more"},
		"cut.json":    {[]byte(one + "\n" + one[:50]), evidence.GapInvalid, "1: the file ends in the middle of it, the first at offset " + fmt.Sprint(len(one)+1)},
		"long.json":   {[]byte(one + activity("1", alice, strings.Repeat("x", 5000)) + one), evidence.GapInvalid, "1: it is longer than a record may be"},
		"words.txt":   {[]byte("Dear all\n"), evidence.GapInvalid, "neither JSON nor a table"},
		"empty.json":  {nil, evidence.GapInvalid, "there is nothing in it"},
		"cut.json.gz": {gzipped(t, []byte(strings.Repeat(one+"\n", 900)))[:300], evidence.GapInvalid, "unexpected EOF"},
		"bomb.zip":    {zipped(t, "a.json", strings.Repeat(" ", 3<<20)), evidence.GapInvalid, "unpacks to more than is allowed"},
		"broken.zip":  {[]byte("PK\x03\x04nothing"), evidence.GapInvalid, "zip: not a valid zip file"},
		"events.json": {[]byte(`{"events":[` + strings.Repeat("{},", 10_000) + "{}]}"), evidence.GapInvalid, "1: events beyond the 10000th"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			write(t, path, test.content)
			cfg := Config{Path: path, MaxDecompressed: 1 << 20, maxRecord: 4096}
			if name == "events.json" {
				cfg.maxRecord = 0
			}
			sink := collect(t, cfg)
			gaps := sink.Gaps()
			if len(gaps) != 1 || gaps[0].Class != test.class || !strings.Contains(gaps[0].Reason, test.reason) {
				t.Errorf("%+v", gaps)
			}
			if k := of(sink, "reports")[name]; !bytes.Equal(k.Body, test.content) {
				t.Error("the file is not kept")
			}
		})
	}
}

// TestTenant saves pages of a tenant's logs and wants exactly what the tenant holds.
func TestTenant(t *testing.T) {
	tenant := fakegoogle.New(fakegoogle.Config{})
	server := tenant.Start(t)
	key, err := server.KeyFile(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(key, "https://www.googleapis.com/auth/admin.reports.audit.readonly")
	if err != nil {
		t.Fatal(err)
	}
	config.Subject = fakegoogle.Admin
	client := config.Client(context.WithValue(t.Context(), oauth2.HTTPClient, server.Client()))
	from, to := fakegoogle.Start().AddDate(0, 0, -20), fakegoogle.Start()
	for _, application := range []string{"login", "drive", "token", "gmail"} {
		pages, last := savePages(t, client, application, from, to)
		path := filepath.Join(t.TempDir(), application+".json")
		write(t, path, pages)
		var got []string
		sink := collect(t, Config{Path: path, Accounts: []string{fakegoogle.Victim}})
		for _, e := range eventsOf(t, of(sink, "report-events")[application+".json"]) {
			if e["event"] == 0.0 {
				got = append(got, e["qualifier"].(string))
			}
			if e["application"] != application || e["duplicate"] != nil {
				t.Errorf("%v", e)
			}
		}
		want, _ := tenant.Activities(application, fakegoogle.Victim, from, to)
		if len(want) == 0 || !slices.Equal(got, want) || len(sink.Gaps()) > 0 {
			t.Errorf("%s: %d activities, want %d; %v", application, len(got), len(want), sink.Gaps())
		}
		if last < 2 {
			t.Errorf("%s has %d pages: too few to show anything", application, last)
		}
	}
}

// savePages does what a script of an administrator does: one answer behind the other.
func savePages(t *testing.T, client *http.Client, application string, from, to time.Time) (all []byte, pages int) {
	t.Helper()
	q := url.Values{"startTime": {from.UTC().Format(time.RFC3339)}, "endTime": {to.UTC().Format(time.RFC3339)}, "maxResults": {"3"}}
	for token := "first"; token != ""; pages++ {
		answer, err := client.Get("https://admin.googleapis.com/admin/reports/v1/activity/users/" + fakegoogle.Victim + "/applications/" + application + "?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v: %s %s", err, answer.Status, body)
		}
		var page struct{ NextPageToken string }
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		token = page.NextPageToken
		q.Set("pageToken", token)
		all = append(append(all, body...), '\n')
	}
	return all, pages
}

// TestParts: events beyond one exhibit go into another, a resumed collection repeats nothing, and no event is lost.
func TestParts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.json")
	var text strings.Builder
	for i := range 500 {
		text.WriteString(activity(fmt.Sprint(i), alice, "x"))
	}
	write(t, path, []byte(text.String()))
	c, err := New(Config{Path: path, eventPart: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	kept := 0
	for range 2 {
		if err := c.Collect(t.Context(), collectors.Scope{Account: alice}, sink); err != nil {
			t.Fatal(err)
		}
		if n := len(sink.Kept()); kept != 0 && n != kept {
			t.Errorf("resuming keeps %d exhibits, %d were there", n, kept)
		}
		kept = len(sink.Kept())
	}
	collectortest.CheckSink(t, sink)
	events, parts := 0, 0
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "report-events:") {
			parts++
			events += len(eventsOf(t, k))
		}
	}
	if parts < 3 || events != 1000 {
		t.Errorf("%d events in %d parts", events, parts)
	}
}

// TestMentioned tells an address from a part of a longer one.
func TestMentioned(t *testing.T) {
	for text, want := range map[string]bool{
		"for alice@example.com.": true, "(alice@example.com)": true, "alice@example.com": true, "malice@example.com": false,
		"alice@example.com.evil.example": false, "malice@example.com, alice@example.com": true, "alice@example.community": false, "": false,
	} {
		if got := mentioned([]byte(text), alice); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
