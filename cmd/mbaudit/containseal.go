package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// containmentCollector is the name under which pre-images stand in a bundle.
const containmentCollector = "containment"

// A preserved is a sealed bundle of the account, with what of it shows what a plan changes.
type preserved struct {
	sealed *evidence.Sealed
	rows   map[string]shownRow // of Google Workspace, by resource
	imap   map[string]string   // of an IMAP server: the exhibit that shows it, by what imap.Shown says
}

// A shownRow is one exhibit, or the gap in its place.
type shownRow struct {
	id     string
	values map[string]bool // everything that stands in it as a text or a number
	gap    string
}

// findPreserved finds the newest sealed and signed bundle of the case that has the account's settings; nil where there is
// none.
func (r *containing) findPreserved(p containment.Plan) (*preserved, error) {
	bundles, err := bundlesIn(r.c.dir)
	if err != nil {
		return nil, nil // a case without bundles
	}
	slices.SortFunc(bundles, func(a, b string) int { return strings.Compare(filepath.Base(b), filepath.Base(a)) })
	for _, dir := range bundles {
		sealed, err := evidence.ReadSealed(dir)
		if err != nil || !evidence.Signed(dir) || !slices.Contains(sealed.Opening.Accounts, p.Account) || !hasEmergencyRows(sealed, p) {
			continue // unfinished, damaged or of something else
		}
		return r.readPreserved(dir, sealed, p.Account)
	}
	return nil, nil
}

func hasEmergencyRows(sealed *evidence.Sealed, p containment.Plan) bool {
	resource := "gmail/filters"
	if p.Provider == imap.Provider {
		resource = "sieve"
	}
	return slices.ContainsFunc(sealed.Coverage, func(row evidence.Coverage) bool {
		return row.Account == p.Account && row.Collector == p.Provider && row.Resource == resource
	})
}

// readPreserved reads the rows that show what a plan changes.
func (r *containing) readPreserved(dir string, sealed *evidence.Sealed, account string) (*preserved, error) {
	keys, err := r.opts.identity.read(r.terminal)
	if err != nil {
		return nil, err
	}
	b, err := evidence.Open(dir, keys...)
	if errors.Is(err, evidence.ErrEncrypted) {
		return nil, withHint(fmt.Errorf(r.c.words("the bundle %s is encrypted: whether it holds what would be changed cannot be seen",
			"le paquet %s est chiffré : on ne peut voir s'il contient ce qui serait changé"), filepath.Base(dir)),
			r.c.words("give a key that opens it: ", "donnez une clé qui l'ouvre : ")+"--identity FILE")
	}
	if err != nil {
		return nil, err
	}
	kept := &preserved{sealed: sealed, rows: map[string]shownRow{}, imap: map[string]string{}}
	for record, err := range b.Records() {
		if err == nil {
			err = kept.add(b, record, account)
		}
		if err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return kept, b.Close()
}

func (k *preserved) add(b *evidence.Bundle, record evidence.Record, account string) error {
	switch {
	case record.Exhibit != nil && record.Exhibit.Account == account && record.Exhibit.Collector == imap.Provider:
		return k.addIMAP(b, record)
	case record.Gap != nil && record.Gap.Account == account && record.Gap.Collector == workspace.Provider:
		k.rows[record.Gap.Resource] = shownRow{id: record.ID(), gap: record.Gap.Reason}
	case record.Exhibit != nil && record.Exhibit.Account == account && record.Exhibit.Collector == workspace.Provider && !strings.HasPrefix(record.Exhibit.Resource, "reports"):
		values, err := valuesOf(b, record.Exhibit)
		if err != nil {
			return err
		}
		row := k.rows[record.Exhibit.Resource]
		if row.values == nil {
			row.id, row.values = record.ID(), map[string]bool{}
		}
		for value := range values {
			row.values[value] = true
		}
		k.rows[record.Exhibit.Resource] = row
	}
	return nil
}

// valuesOf collects every text and number that stands in a JSON exhibit.
func valuesOf(b *evidence.Bundle, x *evidence.StoredExhibit) (map[string]bool, error) {
	body, err := b.Body(x)
	if err != nil {
		return nil, err
	}
	if x.Attrs["encoding"] == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	dec := json.NewDecoder(body)
	dec.UseNumber()
	values := map[string]bool{}
	for {
		token, err := dec.Token()
		switch v := token.(type) {
		case string:
			values[v] = true
		case json.Number:
			values[v.String()] = true
		}
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return values, nil // no JSON: nothing of it is shown
		}
	}
}

// cite writes into a plan which bundle and which exhibits show its targets.
func (k *preserved) cite(p *containment.Plan) {
	if k == nil {
		return
	}
	p.Preserved = containment.Preserved{Bundle: k.sealed.Opening.Bundle, TagManifest: k.sealed.TagManifest.String()}
	for i, s := range p.Steps {
		if what, _ := imap.Shown(s); p.Provider == imap.Provider {
			if id := k.imap[what]; id != "" {
				p.Steps[i].Exhibits = []string{id}
			}
			continue
		}
		row, _ := workspace.Resource(s.Kind)
		if shown, ok := k.rows[row]; ok && shown.holds(s.Target) {
			p.Steps[i].Exhibits = []string{shown.id}
		}
	}
}

func (row shownRow) holds(target string) bool {
	if target == "" {
		return row.gap == "" && row.values != nil
	}
	return row.values[target]
}

// lacks lists the steps to be taken whose targets the bundle does not show though it should.
func (k *preserved) lacks(p containment.Plan) []string {
	var lacking []string
	for _, s := range p.Steps {
		if p.Provider == imap.Provider {
			if what, needed := imap.Shown(s); s.Decision == containment.Take && needed && (k == nil || k.imap[what] == "") {
				lacking = append(lacking, fmt.Sprintf("%d (%s)", s.N, s.Kind))
			}
			continue
		}
		row, first := workspace.Resource(s.Kind)
		if s.Decision == containment.Take && first && (k == nil || !k.rows[row].holds(s.Target)) {
			lacking = append(lacking, fmt.Sprintf("%d (%s)", s.N, s.Kind))
		}
	}
	return lacking
}

// mustBePreserved refuses to go on where no sealed bundle holds what would be changed, unless somebody said in writing why.
func (r *containing) mustBePreserved(p containment.Plan) error {
	if p.Mode == containment.Quarantine {
		return nil // each message is sealed whole just before it is moved, and nothing else is touched
	}
	if r.opts.skipPreserve != "" {
		return r.c.note(journal.Decision, fmt.Sprintf(r.c.words("containment goes on without a sealed bundle of %s: ", "endiguement sans paquet scellé de %s : "), p.Account)+r.opts.skipPreserve, map[string]string{"plan": p.ID})
	}
	kept, err := r.findPreserved(p)
	if err != nil {
		return err
	}
	return r.enough(p, kept)
}

// enough refuses what is preserved where it lacks something that the plan changes.
func (r *containing) enough(p containment.Plan, kept *preserved) error {
	hint := r.c.words("seal it first: ", "scellez-le d'abord : ") + r.collectFirst(p.Account) + r.c.words("   or say why not: --skip-preserve REASON", "   ou dites pourquoi non : --skip-preserve RAISON")
	if kept == nil {
		return withHint(fmt.Errorf(r.c.words("no sealed bundle of this case holds %s: what is changed now would be lost as evidence",
			"aucun paquet scellé de ce dossier ne contient %s : ce qui serait changé maintenant serait perdu comme preuve"), p.Account), hint)
	}
	if lacking := kept.lacks(p); len(lacking) > 0 {
		return withHint(fmt.Errorf(r.c.words("the bundle %s does not hold what steps %s change", "le paquet %s ne contient pas ce que changent les étapes %s"), kept.sealed.Opening.Bundle, strings.Join(lacking, ", ")), hint)
	}
	return nil
}

// A preimageSealer seals what is about to be changed into a bundle of its own.
type preimageSealer struct {
	*containing
	plan containment.Plan
	with *collection // what signs, timestamps and sends
	dir  string      // of the sealed bundle

	// later has timestamps and copies made after the changes: when the account is locked at once, no other server is waited
	// for.
	later bool

	looked time.Time // when the plan's targets were looked at, in this run; zero where it was another one
	sealed string    // the bundle that was sealed ahead, of the targets as the plan has them
}

func (r *containing) newSealer(ctx context.Context, p containment.Plan, later bool) (*preimageSealer, error) {
	s := r.unpreparedSealer(p, later)
	return s, s.with.prepareSealing(ctx)
}

// unpreparedSealer is a sealer that has not asked yet for what it signs with, nor reached where it sends.
func (r *containing) unpreparedSealer(p containment.Plan, later bool) *preimageSealer {
	opts := &collectOptions{accounts: []string{p.Account}, tsa: r.opts.tsa, tsaCA: r.opts.tsaCA, signKey: r.opts.signKey, push: r.opts.push,
		store: storeOptions{noLock: r.opts.noLock, yes: r.opts.yes != ""}}
	if p.Provider == imap.Provider {
		opts.imap.url = p.Server
	}
	return &preimageSealer{containing: r, plan: p, later: later, with: &collection{terminal: r.terminal, c: r.c, opts: opts}}
}

// ahead seals the targets as the plan has them, before it is known whether they have changed since. Nothing but their states is
// kept then: what has to be kept whole is no step of a lock.
func (s *preimageSealer) ahead(ctx context.Context) error {
	var images []containment.Preimage
	for _, step := range s.plan.Steps {
		if step.Decision == containment.Take {
			images = append(images, containment.Preimage{Step: step, State: step.State})
		}
	}
	if len(images) == 0 {
		return nil
	}
	bundle, err := s.preserve(ctx, images)
	s.sealed = bundle
	return err
}

// sealedAhead says whether images are those that were sealed ahead: a plan that is applied as it is, with targets as it has them.
func (s *preimageSealer) sealedAhead(images []containment.Preimage) bool {
	return s.sealed != "" && !slices.ContainsFunc(images, func(i containment.Preimage) bool { return i.State.Digest() != i.Step.Before || i.Keep != nil })
}

// preserve is containment.Runner's Preserve.
func (s *preimageSealer) preserve(ctx context.Context, images []containment.Preimage) (string, error) {
	if s.sealedAhead(images) {
		return s.sealed, nil
	}
	done, err := s.c.begin(journal.Collection, fmt.Sprintf(s.c.words("sealing what %d steps are about to change in %s", "scellement de ce que %d étapes vont changer dans %s"), len(images), s.plan.Account), map[string]string{"plan": s.plan.ID})
	if err != nil {
		return "", err
	}
	sealed, err := s.seal(ctx, images)
	if err != nil {
		return "", errors.Join(err, done("", err))
	}
	if err := done(fmt.Sprintf(s.c.words("bundle %s, SHA-256 of tagmanifest-sha256.txt: ", "paquet %s, SHA-256 de tagmanifest-sha256.txt : "), sealed.Opening.Bundle)+sealed.TagManifest.String(), nil); err != nil {
		return "", err
	}
	if s.later {
		return sealed.Opening.Bundle, nil
	}
	return sealed.Opening.Bundle, s.after(ctx)
}

// after timestamps the bundle and sends it away.
func (s *preimageSealer) after(ctx context.Context) error {
	if s.dir == "" {
		return nil
	}
	return s.with.afterSealing(ctx, s.dir)
}

func (s *preimageSealer) seal(ctx context.Context, images []containment.Preimage) (*evidence.Sealed, error) {
	tool, err := thisTool()
	if err != nil {
		return nil, err
	}
	opening := s.opening(tool)
	w, err := evidence.Create(s.c.path(casefile.BundlesName, opening.Bundle), opening, evidence.WriterConfig{Now: s.now})
	if err != nil {
		return nil, err
	}
	for _, image := range images {
		if err := s.put(ctx, w, image); err != nil {
			return nil, errors.Join(err, w.Discard())
		}
	}
	extract, err := os.Open(s.c.journal.Path())
	if err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	defer extract.Close()
	sealed, err := w.Seal(evidence.SealConfig{Identity: s.with.identity, Principal: principal(s.c.Case, opening), Journal: extract,
		Clocks: []evidence.Clock{{Against: s.with.address(), Status: "not offered", At: s.with.bundleTime(), Note: "sealed in the moment before a change; the emergency bundle has the comparison"}}})
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	s.dir = w.Dir()
	return sealed, nil
}

// address names the mail system as a source of pre-images.
func (r *collection) address() string {
	if r.opts.imap.url != "" {
		return r.opts.imap.url
	}
	if endpoint := r.getenv(googleEndpointVariable); endpoint != "" {
		return endpoint
	}
	return "Google Workspace"
}

func (s *preimageSealer) opening(tool evidence.Tool) evidence.Opening {
	return evidence.Opening{Bundle: ulid.MustNewDefault(s.now()).String(), CreatedAt: s.with.bundleTime(), Case: s.c.Case.Case, Accounts: []string{s.plan.Account},
		Operator:  evidence.Person{Name: s.c.Operator.Name, Organisation: s.c.Organisation, Contact: s.c.Operator.Contact},
		Authority: s.c.Authority, Tool: tool, Sources: []evidence.Source{{Collector: containmentCollector, Address: s.with.address()}},
		Options: map[string][]string{"plan": {s.plan.ID}, "mode": {string(s.plan.Mode)}}, TimeZone: localZone(s.now()), Signer: s.with.identity.Fingerprint()}
}

// put keeps one pre-image: the step with its target as it is, or nothing where nothing of it can be read; and the target whole,
// where it is more than its state.
func (s *preimageSealer) put(ctx context.Context, w *evidence.Writer, image containment.Preimage) error {
	text, err := json.MarshalIndent(image, "", "  ")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s/containment/step-%03d-%s.json", evidence.SafeName(s.plan.Account), image.Step.N, evidence.SafeName(image.Step.Kind))
	exhibit := evidence.Exhibit{Account: s.plan.Account, Collector: containmentCollector, Resource: containmentCollector + "/" + image.Step.Kind,
		Item: strconv.Itoa(image.Step.N), Name: name, MediaType: "application/json", FetchedAt: s.now().UTC(),
		Request: "the target of step " + strconv.Itoa(image.Step.N) + " of plan " + s.plan.ID,
		Attrs:   map[string]string{"step": strconv.Itoa(image.Step.N), "kind": image.Step.Kind, "target": image.Step.Target}}
	if _, err = w.Put(exhibit, bytes.NewReader(append(text, '\n'))); err != nil || image.Keep == nil {
		return err
	}
	original, err := image.Keep(ctx)
	if err != nil {
		return fmt.Errorf("keeping the target of step %d whole: %w", image.Step.N, err)
	}
	exhibit.Resource, exhibit.MediaType, exhibit.FetchedAt = exhibit.Resource+"/original", original.MediaType, s.now().UTC()
	exhibit.Name = fmt.Sprintf("%s/containment/step-%03d-%s", evidence.SafeName(s.plan.Account), image.Step.N, evidence.SafeName(original.Name))
	_, err = w.Put(exhibit, bytes.NewReader(original.Body))
	return err
}
