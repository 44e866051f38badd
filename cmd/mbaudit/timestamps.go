package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// An authority that does not answer holds nothing up: it has this long, and while collection goes on it costs nothing.
const (
	stampTimeout = 10 * time.Second
	stampGrace   = 3 * time.Second // for the last answers once collection has ended
)

// timestampURLs are the authorities of --tsa, or else of the case.
func timestampURLs(flags []string, c casefile.Case) ([]string, error) {
	if slices.Equal(flags, []string{"none"}) {
		return nil, nil
	}
	if len(flags) == 0 {
		return c.Timestamp, nil
	}
	for _, raw := range flags {
		if err := casefile.CheckTimestampURL(raw); err != nil {
			return nil, usageError(fmt.Errorf("--tsa: %w", err), "to do without, type: --tsa none")
		}
	}
	return flags, nil
}

// stampRoots are the roots of authorities that are trusted: the system's and those of the file.
func stampRoots(caFile string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if caFile == "" {
		return roots, nil
	}
	data, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, usageError(fmt.Errorf("%s holds no certificate in PEM form", caFile), "convert it: openssl x509 -inform DER -in FILE -out FILE.pem")
	}
	return roots, nil
}

// A stampResult is what came of asking one authority.
type stampResult struct {
	url, name string // name of the file in the bundle; empty without an answer
	clock     evidence.Clock
	answer    timestamp.Response
	err       error
}

// askAll asks all authorities at once for a time-stamp of a bundle's file, and keeps their answers in the bundle.
func askAll(ctx context.Context, dir, of string, urls []string, roots *x509.CertPool) []stampResult {
	results := make([]stampResult, len(urls))
	var all sync.WaitGroup
	for i, address := range urls {
		all.Go(func() { results[i] = ask(ctx, dir, of, address, roots) })
	}
	all.Wait()
	return results
}

func ask(ctx context.Context, dir, of, address string, roots *x509.CertPool) stampResult {
	result := stampResult{url: address, clock: evidence.Clock{Against: "tsa " + address, Status: "unreachable", At: time.Now().UTC().Truncate(time.Millisecond)}}
	digest, err := evidence.StampDigest(dir, of)
	if err != nil {
		result.err = err
		return result
	}
	if result.answer, result.err = timestamp.Request(ctx, http.DefaultClient, address, digest); result.err != nil {
		var transport *url.Error
		if errors.As(result.err, &transport) {
			result.err = fmt.Errorf("%s: %w", address, transport.Err) // without the method and the address once more
		}
		return result
	}
	offset, uncertainty := result.answer.Offset()
	offsetMS, uncertaintyMS := offset.Milliseconds(), uncertainty.Milliseconds()
	result.clock.Status, result.clock.OffsetMS, result.clock.UncertaintyMS = "measured", &offsetMS, &uncertaintyMS
	if result.answer.Local {
		result.clock.Note = "an authority of mbaudit's own on this machine, not a third party"
	}
	host := address
	if u, err := url.Parse(address); err == nil {
		host = u.Hostname()
	}
	result.name, result.err = evidence.AddTimestamp(dir, of, host, result.answer.TSR, roots)
	return result
}

// A stamper has the opening timestamped while collection goes on.
type stamper struct {
	w       *evidence.Writer
	t       *terminal
	cancel  context.CancelFunc
	results chan []stampResult
	got     []stampResult
}

func startStamps(ctx context.Context, t *terminal, w *evidence.Writer, urls []string) *stamper {
	ctx, cancel := context.WithTimeout(ctx, stampTimeout)
	s := &stamper{w: w, t: t, cancel: cancel, results: make(chan []stampResult, 1)}
	go func() { s.results <- askAll(ctx, w.Dir(), evidence.StampOpening, urls, nil) }()
	return s
}

// wait gives the authorities that have not answered yet a last moment, and writes what came into the bundle's log.
func (s *stamper) wait() {
	grace := time.AfterFunc(stampGrace, s.cancel)
	s.got = <-s.results
	grace.Stop()
	s.cancel()
	for _, r := range s.got {
		text := fmt.Sprintf("opening stamped by %s, see %s", r.url, r.name)
		if r.err != nil {
			text = fmt.Sprintf("opening not stamped by %s: %v", r.url, r.err)
		}
		// An error here is the Writer's own, which its next call gives again.
		_ = s.w.Log("timestamp", text)
	}
}

// clocks are the comparisons of our clock with the authorities'.
func (s *stamper) clocks() []evidence.Clock {
	var clocks []evidence.Clock
	for _, r := range s.got {
		clocks = append(clocks, r.clock)
	}
	return clocks
}

// stampSealed has a sealed bundle timestamped. An authority that does not answer is journalled, told, and no error:
// the bundle is sealed without it.
func stampSealed(ctx context.Context, t *terminal, c *openCase, dir string, urls []string, roots *x509.CertPool) error {
	if len(urls) == 0 {
		t.say("no time-stamping authority was asked")
		return nil
	}
	done, err := c.begin(journal.Collection, "asking for timestamps of "+dir, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stampTimeout)
	defer cancel()
	var summary string
	var failed []error
	for _, r := range askAll(ctx, dir, evidence.StampSeal, urls, roots) {
		if r.err != nil {
			failed = append(failed, r.err)
			t.say("not timestamped: %s", visible.Line(r.err.Error()))
			continue
		}
		kind := ""
		if r.answer.Local {
			kind = " (local, not a third party)"
		}
		line := fmt.Sprintf("%s by %s%s", r.answer.GenTime.Format(time.RFC3339), commonName(r.answer.Subject), kind)
		t.say("timestamped %s", line)
		summary += line + "; "
	}
	return done(fmt.Sprintf("%s%d of %d authorities answered", summary, len(urls)-len(failed), len(urls)), errors.Join(failed...))
}
