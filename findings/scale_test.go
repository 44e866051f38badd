package findings_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
)

// largeBundle has pages of a log of sign-ins and deliveries, and headers of messages.
func largeBundle(t testing.TB, events, messages int) *evidence.Bundle {
	w := findingstest.New(t, bundleID, alice)
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for page := range events / 1000 {
		var b strings.Builder
		b.WriteString(`{"kind":"admin#reports#activities","items":[`)
		for i := range 1000 {
			n := page*1000 + i
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":{"time":"%s","uniqueQualifier":"%d","applicationName":"gmail","customerId":"C1"},"actor":{"email":"user%d@example.test","profileId":"%d"},"ipAddress":"192.0.2.%d",`+
				`"networkInfo":{"ipAsn":[64500],"regionCode":"FR"},"events":[{"type":"delivery_type","name":"delivery","parameters":[{"name":"event_info","messageValue":{"parameter":[{"name":"mail_event_type","intValue":"%d"},`+
				`{"name":"success","boolValue":true}]}},{"name":"message_info","messageValue":{"parameter":[{"name":"subject","value":"Message %d"},{"name":"rfc2822_message_id","value":"<%d@x>"}]}}]}]}`,
				start.Add(time.Duration(n)*100*time.Second).Format(time.RFC3339), n, n%50, n%50, n%200, 1+n%35, n, n)
		}
		b.WriteString("]}")
		w.Add(evidence.Exhibit{Resource: "reports/gmail", Item: "page-" + strconv.Itoa(page), Name: fmt.Sprintf("gmail~%d.json", page)}, b.String())
	}
	for n := range messages {
		at := start.Add(time.Duration(n) * 200 * time.Second)
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/INBOX", Item: "7/" + strconv.Itoa(n+1), MediaType: "text/rfc822-headers", Name: fmt.Sprintf("%09d.hdr", n+1),
			Attrs: map[string]string{"folder": "INBOX", "flags": `(\Seen)`, "internaldate": at.Format("02-Jan-2006 15:04:05 -0700")}},
			fmt.Sprintf("Received: from client.example (client.example [198.51.100.%d])\r\n\tby mx.example.test with ESMTPS id %d;\r\n\tMon, 12 Oct 2026 09:00:00 +0200\r\nFrom: Client %d <c%d@client.example>\r\n"+
				"To: alice@example.test\r\nSubject: Message %d\r\nDate: %s\r\nMessage-ID: <%d@client.example>\r\nAuthentication-Results: mx.example.test; spf=pass; dkim=pass; dmarc=pass\r\n\r\n",
				n%200, n, n, n%300, n, at.Format(time.RFC1123Z), n))
	}
	return w.Open()
}

// readAll reads every body once: the least that anybody has to do.
func readAll(t testing.TB, b *evidence.Bundle) time.Duration {
	start := time.Now()
	for r, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Exhibit == nil {
			continue
		}
		body, err := b.Body(r.Exhibit)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

// evaluateLarge gives the time, the largest heap seen while facts went by, and how many there were.
func evaluateLarge(t testing.TB, b *evidence.Bundle) (took time.Duration, heap uint64, count int) {
	set, err := rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c := facts.NewCollection(facts.Options{})
	defer c.Close() //nolint:errcheck // a temporary file
	if err := c.Read(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	_, err = findings.Evaluate(set, c, nil, func(f *facts.Fact) error {
		if count++; count%5000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapInuse)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(start), heap, count
}

// TestMemoryIsFlat: five times the events and messages take little more memory. MBAUDIT_TEST_LARGE=1 takes 100,000 and
// 50,000.
func TestMemoryIsFlat(t *testing.T) {
	events, messages := 25_000, 5_000
	if os.Getenv("MBAUDIT_TEST_LARGE") != "" {
		events, messages = 100_000, 50_000
	}
	_, small, _ := evaluateLarge(t, largeBundle(t, events/5, messages/5))
	b := largeBundle(t, events, messages)
	read := readAll(t, b)
	took, heap, count := evaluateLarge(t, b)
	t.Logf("%d facts in %v, %.1f times reading the bundle once (%v); heap %d MiB, of a fifth %d MiB", count, took, float64(took)/float64(read), read, heap>>20, small>>20)
	if count != events+messages {
		t.Errorf("%d facts of %d", count, events+messages)
	}
	if heap > 192<<20 || heap > 3*small+64<<20 {
		t.Errorf("the heap grew from %d to %d MiB", small>>20, heap>>20)
	}
}
