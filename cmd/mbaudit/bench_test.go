package main

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/collectors/imap/imapbench"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// BenchmarkCollect measures the whole product (login, fetch over TLS, hash, pack, fsync, seal, sign) on 50,000 messages
// in a real Dovecot, against a reader that fetches the same over one connection and throws it away. The two take turns,
// so that a noisy machine hits both; the medians of five rounds are compared.
func BenchmarkCollect(b *testing.B) {
	const account = "alice@example.test"
	dovecot := servertest.Dovecot(b)
	seeded := dovecot.Seed(b, account, seedmail.Spec{Seed: 20, Messages: 50_000})
	p := buildProduct(b)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password)
	url := "imaps://localhost:" + strconv.Itoa(dovecot.IMAPSPort)
	limit := imap.Config{URL: url, RootCAFile: dovecot.CAFile, Password: secret.New(dovecot.Password)}
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		b.Run(mode.String(), func(b *testing.B) {
			scope := collectors.Scope{Account: account, Messages: mode}
			if _, _, err := imapbench.Discard(b.Context(), limit, scope); err != nil { // fills the server's caches
				b.Fatal(err)
			}
			var discard, collect, peak []float64
			for range 5 * b.N {
				start := time.Now()
				messages, _, err := imapbench.Discard(b.Context(), limit, scope)
				if err != nil || messages < int64(seeded.Messages) { // BODYSTRUCTURE may hold literals too
					b.Fatalf("the discarding reader got %d of %d messages: %v", messages, seeded.Messages, err)
				}
				discard = append(discard, time.Since(start).Seconds())
				p.dir = b.TempDir()
				p.want(b, "init", p.dir)
				f := p.want(b, "collect", "--account", account, "--imap", url, "--tls-ca", dovecot.CAFile, "--messages", mode.String(), "--tsa", "none")
				collect = append(collect, f.wall.Seconds())
				peak = append(peak, float64(f.peakMemory>>20))
			}
			d, c := median(discard), median(collect)
			b.ReportMetric(d/c, "ratio-to-discard")
			b.ReportMetric(float64(seeded.Messages)/c, "msg/s")
			b.ReportMetric(slices.Max(peak), "MiB-peak")
			fmt.Printf("collect --messages %s: %d messages, %.1f MB: %.2f s; a reader that discards: %.2f s; ratio %.2f\n", mode, seeded.Messages,
				float64(seeded.Bytes)/1e6, c, d, d/c)
		})
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
