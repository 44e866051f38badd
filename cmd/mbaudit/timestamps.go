package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	stampTimeout      = 10 * time.Second
	stampGrace        = 3 * time.Second // for the last answers once collection has ended
	revocationTimeout = 5 * time.Second // for CRLs and OCSP responses, once the bundle is sealed
)

// localAuthority is the word for the authority on this machine, in the place of a URL.
const localAuthority = "local"

// timestampURLs are the authorities of --tsa, or else of the case.
func timestampURLs(flags []string, c casefile.Case) ([]string, error) {
	if slices.Equal(flags, []string{"none"}) {
		return nil, nil
	}
	if len(flags) == 0 {
		return c.Timestamp, nil
	}
	for _, raw := range flags {
		if raw == localAuthority {
			continue
		}
		if err := casefile.CheckTimestampURL(raw); err != nil {
			return nil, usageError(fmt.Errorf("--tsa: %w", err), "without a network, type: --tsa local; to do without, type: --tsa none")
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
	made      string // the folder of the local authority, if this question had it made
	err       error
}

// A stamping is a question to time-stamping authorities, and what is done with each right answer.
type stamping struct {
	digest evidence.Digest
	policy asn1.ObjectIdentifier                                             // nil leaves it to the authority
	keep   func(authority string, answer timestamp.Response) (string, error) // gives the answer's name in the bundle
}

// stampFile has a file of a bundle timestamped, and the answers kept in the bundle.
func stampFile(dir, of string, roots *x509.CertPool) (stamping, error) {
	digest, err := evidence.StampDigest(dir, of)
	return stamping{digest: digest, keep: func(authority string, answer timestamp.Response) (string, error) {
		return evidence.AddTimestamp(dir, of, authority, answer.TSR, roots)
	}}, err
}

// askAll asks all authorities at once, and keeps each answer as it comes.
func (s stamping) askAll(ctx context.Context, t *terminal, urls []string) []stampResult {
	results := make([]stampResult, len(urls))
	var all sync.WaitGroup
	for i, address := range urls {
		all.Go(func() { results[i] = s.ask(ctx, t, address) })
	}
	all.Wait()
	return results
}

func (s stamping) ask(ctx context.Context, t *terminal, address string) stampResult {
	result := stampResult{url: address, clock: evidence.Clock{Against: "tsa " + address, Status: "unreachable", At: time.Now().UTC().Truncate(time.Millisecond)}}
	if address == localAuthority {
		result.clock.Status, result.clock.Note = "not offered", "mbaudit's own authority has this machine's clock; it is not a third party"
		result.answer, result.made, result.err = askLocal(t, s.digest, s.policy)
	} else if result.answer, result.err = timestamp.RequestUnder(ctx, http.DefaultClient, address, s.digest, s.policy); result.err == nil {
		offset, uncertainty := result.answer.Offset()
		offsetMS, uncertaintyMS := offset.Milliseconds(), uncertainty.Milliseconds()
		result.clock.Status, result.clock.OffsetMS, result.clock.UncertaintyMS = "measured", &offsetMS, &uncertaintyMS
		if result.answer.Local {
			result.clock.Note = "an authority of mbaudit's own, not a third party"
		}
	}
	if result.err == nil {
		result.name, result.err = s.keep(authorityName(address), result.answer)
		return result
	}
	var transport *url.Error
	if errors.As(result.err, &transport) {
		result.err = fmt.Errorf("%s: %w", address, transport.Err) // without the method and the address once more
	}
	return result
}

// authorityName is the name under which an authority's time-stamps are kept: its host.
func authorityName(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	return address
}

// askLocal has a digest stamped by the authority on this machine, which is made at its first use.
func askLocal(t *terminal, digest evidence.Digest, policy asn1.ObjectIdentifier) (answer timestamp.Response, made string, err error) {
	if policy != nil {
		return answer, "", errors.New("the local authority has no policies to choose from")
	}
	base, err := configDir(t)
	if err != nil {
		return answer, "", err
	}
	dir := filepath.Join(base, "tsa")
	authority, isNew, err := timestamp.OpenAuthority(dir)
	if err != nil {
		return answer, "", err
	}
	if isNew {
		made = dir
	}
	answer, err = authority.Stamp(digest)
	return answer, made, err
}

// sayMade tells the operator that there is a local authority now, and what it is not.
func (r stampResult) sayMade(t *terminal) {
	if r.made != "" {
		t.say("a local time-stamping authority was made in %s: not a third party", r.made)
	}
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
	go func() {
		file, err := stampFile(w.Dir(), evidence.StampOpening, nil)
		if err != nil {
			s.results <- []stampResult{{url: "any authority", err: err}}
			return
		}
		s.results <- file.askAll(ctx, t, urls)
	}()
	return s
}

// wait gives the authorities that have not answered yet a last moment, and writes what came into the bundle's log.
func (s *stamper) wait() {
	grace := time.AfterFunc(stampGrace, s.cancel)
	s.got = <-s.results
	grace.Stop()
	s.cancel()
	for _, r := range s.got {
		r.sayMade(s.t)
		text := fmt.Sprintf("opening stamped by %s, see %s", r.url, r.name)
		if r.answer.Local {
			text += "; not a third party"
		}
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
// the bundle is sealed without it, and mbaudit timestamp asks it again.
func stampSealed(ctx context.Context, t *terminal, c *openCase, dir string, urls []string, roots *x509.CertPool) error {
	if len(urls) == 0 {
		t.say("no time-stamping authority was asked")
		return nil
	}
	file, err := stampFile(dir, evidence.StampSeal, roots)
	if err != nil {
		return err
	}
	results, err := journalledStamps(ctx, t, c, dir, "asking for timestamps of "+dir, file, urls)
	if slices.ContainsFunc(results, func(r stampResult) bool { return r.err != nil }) {
		t.say("ask again later: mbaudit timestamp %s", dir)
	}
	return err
}

// journalledStamps asks authorities, with the journal told before and after, says what they answered, and keeps what the
// issuers of their certificates say of revocation. Only the journal gives an error.
func journalledStamps(
	ctx context.Context, t *terminal, c *openCase, dir, what string, question stamping, urls []string,
) ([]stampResult, error) {
	done, err := c.begin(journal.Collection, what, map[string]string{"bundle": filepath.Base(dir)})
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, stampTimeout)
	defer cancel()
	results := question.askAll(asking, t, urls)
	var summary string
	var failed []error
	for _, r := range results {
		r.sayMade(t)
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
		if !r.answer.Local {
			t.say("  it %s", folded(r.answer.Standing(), "  "))
		}
		summary += line + "; "
	}
	if len(failed) < len(results) || len(results) == 0 {
		summary += keepRevocation(ctx, t, dir)
	}
	return results, done(fmt.Sprintf("%s%d of %d authorities answered", summary, len(urls)-len(failed), len(urls)), errors.Join(failed...))
}

// folded puts what follows a sentence's colon on a line of its own, for screens of 80 columns.
func folded(standing, indent string) string { return strings.Replace(standing, ": ", ":\n"+indent, 1) }

// keepRevocation keeps CRLs and OCSP responses beside the bundle's time-stamps. What cannot be had is told and holds
// nothing up. It returns what it did for the journal.
func keepRevocation(ctx context.Context, t *terminal, dir string) string {
	ctx, cancel := context.WithTimeout(ctx, revocationTimeout)
	defer cancel()
	kept, err := evidence.KeepRevocation(ctx, http.DefaultClient, dir)
	if err != nil {
		t.say("not kept, whether its certificates were revoked: %s", visible.Line(strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	if len(kept) == 0 {
		return ""
	}
	return fmt.Sprintf("kept with them: %s of revocation lists and answers; ", plural(int64(len(kept)), "file"))
}
