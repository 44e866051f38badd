package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
	"github.com/mbaudit/mbaudit/findings/rules"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
)

// Names below CASE/analysis: all of it can be made again from the bundles.
const (
	analysisName = "analysis"
	factsName    = "facts.jsonl"
	findingsName = "findings.json"
)

type qualifyOptions struct {
	identity identityOptions
	decider  deciderOptions
	networks []string
	sigma    string
	content  bool
}

func newQualifyCommand(t *terminal, g *global) *cobra.Command {
	var opts qualifyOptions
	cmd := &cobra.Command{
		Use:   "qualify [BUNDLE…]",
		Short: "read the case's bundles into facts and findings, and decide how bad it is",
		Long: `qualify reads the sealed bundles of the case (or those named) into facts, evaluates the
rules over them, and prints what was found, with the exhibits, and of which rules nobody
can say whether they hold because something was not collected.

It then decides by the four axes (confirmation, scope, impact, urgency) and the rules R1 to
R5: the level that is established, and the one that is possible if what nobody knows turns
out badly. What people answered (mbaudit ask) is taken from the journal, and so is a level
that a person sets with --override, which stands beside the computed one.

It writes facts.jsonl, findings.json, decision.json and timeline.jsonl below CASE/analysis,
which can be made again from the bundles and the journal at any time. It asks no server
anything: where an IP address belongs is what Google's events say, or the database named
with --mmdb.

Of messages it reads the headers. With --content it reads their text too, for account numbers
(IBAN) that change, passwords and keys, and topics, and hashes what is attached. Messages
that are marked personal (privé, personnel, perso, private …, in subject, folder or label)
are left out and counted. See that your mandate covers it.

Rules that you bring (--sigma DIR, as SigmaHQ publishes them) are shown apart and change
no grade.`,
		Example: `  mbaudit qualify
  mbaudit qualify --content
  mbaudit qualify --mmdb dbip-asn-lite.mmdb --sigma sigma/rules/cloud/gcp --json
  mbaudit qualify --override major --reason "the bank has called" --by "M. Martin"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runQualify(cmd.Context(), t, g, args, &opts) },
	}
	opts.identity.addFlags(cmd.Flags())
	cmd.Flags().StringArrayVar(&opts.networks, "mmdb", nil, "database of networks in MaxMind's format: ASN, country (repeatable)")
	cmd.Flags().StringVar(&opts.sigma, "sigma", "", "directory of Sigma rules about Google Workspace, evaluated apart")
	cmd.Flags().BoolVar(&opts.content, "content", false, "read the text of messages too, but of those that are marked personal")
	cmd.Flags().StringVar(&opts.decider.override, "override", "", "level that a person sets instead: anomaly, minor, major, crisis; none takes it back")
	cmd.Flags().StringVar(&opts.decider.reason, "reason", "", "why, for the journal; with --override")
	cmd.Flags().StringVar(&opts.decider.by, "by", "", "who decides; with --override")
	cmd.Flags().StringVar(&opts.decider.failOn, "fail-on", "", "exit 4 if the level in force is this one or higher")
	return cmd
}

func runQualify(ctx context.Context, t *terminal, g *global, args []string, opts *qualifyOptions) error {
	_, failOn, err := opts.decider.check()
	if err != nil {
		return err
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	result, decided, err := qualifyCase(ctx, t, c, args, opts)
	if err != nil {
		return err
	}
	if g.json {
		err = t.printJSON(qualified{result, decided})
	} else {
		printDecision(t, c.Language, decided)
		printFindings(t, c.Language, result)
	}
	switch {
	case err != nil:
		return err
	case failOn != "" && decided.InForce.Rank() >= failOn.Rank():
		return statusError(statusFindings)
	case len(result.NotRead) > 0:
		return statusError(statusIncomplete)
	}
	return nil
}

// qualifyCase reads bundles of the case, journals that, and writes the analysis.
func qualifyCase(ctx context.Context, t *terminal, c *openCase, args []string, opts *qualifyOptions) (*findings.Result, *decision.Decision, error) {
	dirs, err := bundlesToRead(t, c, args)
	if err != nil {
		return nil, nil, err
	}
	set, err := rules.Load()
	if err != nil {
		return nil, nil, err
	}
	var foreign *findings.Foreign
	if opts.sigma != "" {
		if foreign, err = findings.LoadForeign(opts.sigma); err != nil {
			return nil, nil, usageError(err, "name a directory with the rules of rules/cloud/gcp of SigmaHQ/sigma")
		}
	}
	places, err := openNetworks(opts.networks)
	if err != nil {
		return nil, nil, usageError(err, "name a file in MaxMind's format, ending in .mmdb")
	}
	if places != nil {
		defer places.Close() //nolint:errcheck // it was only read
	}
	collection := facts.NewCollection(facts.Options{OwnDomains: c.OwnDomains, Location: caseLocation(c), Networks: places, MailRules: mailRules(), Content: opts.content})
	defer collection.Close() //nolint:errcheck // a temporary file

	what := "qualification begun: " + plural(int64(len(dirs)), "bundle")
	if opts.content {
		what += "; the text of messages is read, but of those that are marked personal"
	}
	done, err := c.begin(journal.Collection, what, nil)
	if err != nil {
		return nil, nil, err
	}
	result, decided, err := qualify(ctx, t, c, &qualification{collection, set, foreign, places, decision.NewSurvey()}, dirs, opts)
	outcome := ""
	if result != nil {
		outcome = plural(int64(len(result.Findings)), "finding")
	}
	if err := errors.Join(err, done(outcome, err)); err != nil {
		return nil, nil, err
	}
	version := decided.VersionEntry()
	version.Recorder = c.Operator.Name
	if _, err := c.journal.Append(version); err != nil {
		return nil, nil, fmt.Errorf("writing the journal: %w", err)
	}
	return result, decided, nil
}

// qualified is what --json prints: findings.json with the decision.
type qualified struct {
	*findings.Result
	Decision *decision.Decision `json:"decision"`
}

func caseLocation(c *openCase) *time.Location {
	location, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return time.UTC // the case was checked when it was read
	}
	return location
}

func openNetworks(paths []string) (*networks.Database, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	return networks.Open(paths...)
}

// bundlesToRead gives the bundles named, else all sealed ones of the case, the oldest first.
func bundlesToRead(t *terminal, c *openCase, names []string) ([]string, error) {
	var dirs []string
	for _, name := range names {
		dir, err := findBundle(c, name)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	if len(names) > 0 {
		return dirs, nil
	}
	entries, err := os.ReadDir(c.path(casefile.BundlesName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		dir := c.path(casefile.BundlesName, entry.Name())
		if !entry.IsDir() {
			continue
		}
		_, sealed := os.Stat(filepath.Join(dir, "tagmanifest-sha256.txt"))
		_, described := os.Stat(filepath.Join(dir, "acquisition.json"))
		if sealed != nil && described != nil { // with a description of what was done and no manifest it was sealed, and is damaged
			t.say("mbaudit: note: %s is not sealed, and is not read", visible.Text(entry.Name()))
			continue
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) == 0 {
		return nil, usageError(errors.New("the case has no sealed bundle"), "collect something first: mbaudit collect --account …")
	}
	return dirs, nil
}

// A qualification is what bundles are read with.
type qualification struct {
	collection *facts.Collection
	set        *rules.Set
	foreign    *findings.Foreign
	places     *networks.Database
	survey     *decision.Survey
}

// qualify reads the bundles, writes what comes of them, and gives the result and the decision.
func qualify(ctx context.Context, t *terminal, c *openCase, q *qualification, dirs []string, opts *qualifyOptions) (*findings.Result, *decision.Decision, error) {
	bundles, err := readBundles(ctx, t, q.collection, dirs, &opts.identity)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(c.path(analysisName), 0o700); err != nil {
		return nil, nil, err
	}
	var result *findings.Result
	err = writeDerived(c.path(analysisName, factsName), func(w *bufio.Writer) (err error) {
		var line []byte
		result, err = findings.Evaluate(q.set, q.collection, q.foreign, func(f *facts.Fact) error {
			q.survey.See(f)
			line = append(f.AppendJSON(line[:0]), '\n')
			_, err := w.Write(line)
			return err
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	result.Bundles, result.Own, result.Networks = bundles, q.collection.OwnDomains(), q.places.About()
	decided, err := decide(t, c, q, result, &opts.decider)
	if err != nil {
		return result, nil, err
	}
	return result, decided, writeDerived(c.path(analysisName, findingsName), func(w *bufio.Writer) error { return result.Write(w) })
}

// readBundles reads the bundles into facts, and gives their ids. One that cannot be read is told of, and what it holds is unknown
// then; if that is so of all of them there is nothing to qualify, and the first one's error says why.
func readBundles(ctx context.Context, t *terminal, collection *facts.Collection, dirs []string, identity *identityOptions) ([]string, error) {
	keys, err := identity.read(t)
	if err != nil {
		return nil, err
	}
	var bundles []string
	var first error
	for _, dir := range dirs {
		b, err := evidence.Open(dir, keys...)
		if err != nil {
			if first == nil {
				first = err
			}
			collection.Coverage().NotRead(facts.Unread{Bundle: filepath.Base(dir), Accounts: accountsOf(dir), Reason: unreadReason(err, dir)})
			continue
		}
		bundles = append(bundles, b.Opening.Bundle)
		if err := errors.Join(readBundle(ctx, collection, b), b.Close()); err != nil {
			return nil, err
		}
	}
	if len(bundles) == 0 {
		return nil, first
	}
	for _, u := range collection.Coverage().Unread() {
		whole := "was not read"
		if u.Partly {
			whole = "was read in part"
		}
		t.say("mbaudit: note: bundle %s %s: %s", visible.Text(u.Bundle), whole, visible.Line(u.Reason))
	}
	if unread := collection.Coverage().Unread(); len(unread) > 0 {
		t.say("mbaudit: note: what is not found because of that is unknown, and not absent; the exit status is %d", statusIncomplete)
		hint := "to see what is damaged: mbaudit verify " + visible.Text(unread[0].Bundle)
		if errors.Is(first, evidence.ErrEncrypted) {
			hint = "give the key that decrypts it: mbaudit qualify --identity FILE"
		}
		t.say("mbaudit: hint: %s", hint)
	}
	return bundles, nil
}

// unreadReason is why a bundle cannot be opened, without the path of this machine, which findings.json shall not hold.
func unreadReason(err error, dir string) string {
	return strings.TrimPrefix(strings.ReplaceAll(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), dir+": ", ""), dir+" ")
}

// accountsOf are the accounts that a bundle was made of, as far as its opening can be read: that of an encrypted one names none.
func accountsOf(dir string) []string {
	data, err := os.ReadFile(filepath.Join(dir, "opening.json"))
	var opening evidence.Opening
	if err != nil || json.Unmarshal(data, &opening) != nil {
		return nil
	}
	return opening.Accounts
}

func readBundle(ctx context.Context, collection *facts.Collection, b *evidence.Bundle) error {
	if err := collection.Read(ctx, b); err != nil {
		return fmt.Errorf("bundle %s: %w", b.Opening.Bundle, err)
	}
	return nil
}

// writeDerived writes a file that can be made again, in the place of an earlier one. A run that fails leaves that one.
func writeDerived(path string, write func(*bufio.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// printFindings prints what was found, what is alike put together, and what nobody can say, within 80 columns.
func printFindings(t *terminal, language string, r *findings.Result) {
	lang := "en"
	if language == "fr" {
		lang = "fr"
	}
	words, p := qualifyWords(lang), decisionPage{t, lang}
	others := 0
	for _, alike := range report.Alike(r.Findings) {
		f := alike[0]
		if !f.Examined && (f.Grade == findings.Check || f.Grade == findings.Context) {
			others += len(alike)
			continue
		}
		p.hang(fmt.Sprintf("%-10s ", words[string(f.Grade)]), f.Title[lang]+"  "+f.ID)
		p.hang(underGrade, strings.Join(nonEmpty(f.Account, f.Subject), ": "))
		if len(f.Observed) > 0 {
			o := f.Observed[0]
			when := words["undated"]
			if !o.Time.IsZero() {
				when = utc(o.Time)
			}
			p.hang(underGrade, fmt.Sprintf("%s, %s%s", strings.Join(nonEmpty(o.Exhibit, o.Locator), " "), when, more(f.Count-1, words["more"])))
		}
		if n := len(alike) - 1; n > 0 {
			var ids []string
			for _, g := range alike[1:min(len(alike), 1+maxAlike)] {
				ids = append(ids, g.ID)
			}
			p.hang(underGrade, fmt.Sprintf(words["alike"], n)+strings.Join(ids, ", ")+more(int64(n-len(ids)), words["more"]))
		}
	}
	if others > 0 {
		t.print("")
		p.hang("", fmt.Sprintf(words["others"], others))
	}
	unknown := map[string]int64{}
	var order []string
	counts := map[findings.State]int64{}
	for _, o := range r.Outcomes {
		counts[o.State]++
		if o.State != findings.Unknown {
			continue
		}
		for _, m := range o.Missing {
			key := fmt.Sprintf("%s: %s (%s)", o.Account, m.What[lang], m.Source+": "+m.Reason)
			if unknown[key] == 0 {
				order = append(order, key)
			}
			unknown[key]++
		}
	}
	if len(order) > 0 {
		t.print("\n%s", words["unknown"])
		for _, key := range order {
			p.hang("  ", key)
		}
	}
	if len(r.ThirdParty) > 0 {
		t.print("\n%s", words["third"])
		for _, h := range r.ThirdParty {
			p.hang("  ", fmt.Sprintf("%s [%s, %s] %s x%d", h.Title, h.ID, h.Author, h.Account, h.Count))
		}
	}
	for _, name := range r.NotLoaded {
		t.say("mbaudit: note: not loaded: %s", visible.Line(name))
	}
	if r.OwnTraces > 0 {
		t.print("")
		p.hang("", fmt.Sprintf(words["own"], r.OwnTraces))
	}
	if n := r.Content; n != nil {
		t.print("")
		p.hang("", fmt.Sprintf(words["content"], n.Read, n.Partly, n.Personal, n.HeadersOnly))
	}
	t.print("\n"+words["sum"], len(r.Findings), counts[findings.Yes], counts[findings.No], counts[findings.Unknown])
}

// underGrade is what lines below a finding's grade begin with.
const underGrade = "           "

// maxAlike is of how many findings alike the ids are printed.
const maxAlike = 8

func more(n int64, word string) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(word, n)
}

func qualifyWords(lang string) map[string]string {
	if lang == "fr" {
		return map[string]string{"confirmed": "confirmé", "probable": "probable", "check": "à vérifier", "context": "contexte", "undated": "non daté", "others": "%d constats moindres sur d'autres comptes : voir findings.json", "more": ", et %d de plus", "alike": "et %d du même genre : ",
			"own":     "%d lignes des journaux sont les traces de la collecte elle-même : rien n'en est conclu",
			"content": "Textes lus : %d messages (%d en partie) ; laissés de côté : %d marqués personnels, %d dont seuls les en-têtes ont été collectés",
			"unknown": "Ce que personne ne peut dire, faute d'avoir été collecté :", "third": "Règles tierces, hors du verdict :",
			"sum": "%d constats ; règles : %d oui, %d non, %d ne sait pas"}
	}
	return map[string]string{"confirmed": "confirmed", "probable": "probable", "check": "to check", "context": "context", "undated": "undated", "others": "%d lesser findings about other accounts: see findings.json", "more": ", and %d more", "alike": "and %d alike: ",
		"own":     "%d lines of the logs are traces of the collection itself: nothing is concluded from them",
		"content": "Texts read: %d messages (%d in part); left out: %d marked personal, %d of which only headers were collected",
		"unknown": "What nobody can say, because it was not collected:", "third": "Third-party rules, not part of any verdict:",
		"sum": "%d findings; rules: %d yes, %d no, %d unknown"}
}
