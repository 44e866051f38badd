package findings

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/sigma"
)

// Foreign are rules that the user brought: Sigma rules about Google Workspace, as SigmaHQ writes them, unchanged. What they
// find is shown apart and changes no grade.
type Foreign struct {
	rules        []*sigma.Rule
	correlations []foreignCorrelation
	silent       map[*sigma.Rule]bool // told of by a correlation only, as the specification has it
	hits         map[string]*ThirdParty
	notLoaded    []string
	failed       []failedFile
}

type foreignCorrelation struct {
	rule *sigma.Rule
	*sigma.Correlator[*Observation]
}

// A failedFile has a document that cannot be read, and what it says, to see whether it is about rules of ours.
type failedFile struct {
	name, text string
	err        error
}

// ThirdParty is what a rule that the user brought holds for.
type ThirdParty struct {
	Title    string         `json:"title"`
	ID       string         `json:"id"`
	Author   string         `json:"author,omitempty"`
	License  string         `json:"license,omitempty"`
	Level    string         `json:"level,omitempty"`
	Tags     []string       `json:"tags,omitempty"`
	Account  string         `json:"account"`
	Count    int64          `json:"count"`
	Observed []*Observation `json:"observed"`
}

// The most that is read of the user's rules.
const maxForeignFiles = 20_000

// LoadForeign reads the rules in a directory and below it. Those about other products are passed over; those that cannot be
// read are named in the result, as is what they ask for. It is an error if there is no rule at all.
func LoadForeign(dir string) (*Foreign, error) {
	x := &Foreign{hits: map[string]*ThirdParty{}, silent: map[*sigma.Rule]bool{}}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ext := filepath.Ext(path); !entry.Type().IsRegular() || ext != ".yml" && ext != ".yaml" {
			return nil
		}
		if files++; files > maxForeignFiles {
			return fmt.Errorf("%s has more than %d rules", dir, maxForeignFiles)
		}
		return x.file(dir, path)
	})
	if err != nil {
		return nil, err
	}
	x.settle()
	if len(x.rules) == 0 && len(x.notLoaded) == 0 {
		return nil, fmt.Errorf("%s has no Sigma rule about Google Workspace", dir)
	}
	return x, nil
}

func (x *Foreign) file(dir, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	if info.Size() > sigma.MaxFile {
		x.notLoaded = append(x.notLoaded, fmt.Sprintf("%s: it has more than %d bytes", name, sigma.MaxFile))
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parsed, err := sigma.Parse(data)
	if err != nil {
		x.failed = append(x.failed, failedFile{name, strings.ToLower(string(data)), err})
	}
	for _, r := range parsed {
		switch {
		case r.Correlation != nil:
			x.correlations = append(x.correlations, foreignCorrelation{r, sigma.NewCorrelator[*Observation](r.Correlation)})
		case strings.HasPrefix(strings.ToLower(r.Logsource.Service), "google_workspace"):
			x.rules = append(x.rules, r)
		}
	}
	return nil
}

// settle keeps of the correlations those of which every rule is here, wherever it stood, and of what cannot be read names what is
// about Google Workspace or about a rule that is. Correlations about other products are passed over, as their rules are.
func (x *Foreign) settle() {
	known, ours := map[string]*sigma.Rule{}, []string{"google_workspace"}
	for _, r := range x.rules {
		for _, key := range []string{r.Name, r.ID} {
			if key != "" {
				known[key] = r
				ours = append(ours, strings.ToLower(key))
			}
		}
	}
	for _, f := range x.failed {
		if slices.ContainsFunc(ours, func(word string) bool { return strings.Contains(f.text, word) }) {
			x.notLoaded = append(x.notLoaded, fmt.Sprintf("%s: %v", f.name, f.err))
		}
	}
	x.failed = nil
	whole := map[*sigma.Rule]bool{}
	for settled := false; !settled; { // a correlation may be about correlations
		settled = true
		for _, c := range x.correlations {
			if whole[c.rule] || slices.ContainsFunc(c.Rules, func(name string) bool { return known[name] == nil }) {
				continue
			}
			whole[c.rule], settled = true, false
			for _, key := range []string{c.rule.Name, c.rule.ID} {
				if key != "" {
					known[key] = c.rule
				}
			}
		}
	}
	x.correlations = slices.DeleteFunc(x.correlations, func(c foreignCorrelation) bool {
		if !whole[c.rule] && slices.ContainsFunc(c.Rules, func(name string) bool { return known[name] != nil }) {
			x.notLoaded = append(x.notLoaded, fmt.Sprintf("correlation %q is not evaluated: not all of its rules (%s) are in the directory, or can be read", c.rule.Title, strings.Join(c.Rules, ", ")))
		}
		return !whole[c.rule]
	})
	for _, c := range x.correlations {
		for _, name := range c.Rules {
			x.silent[known[name]] = x.silent[known[name]] || !c.Generate
		}
	}
}

// Loaded is how many rules and correlations will be evaluated.
func (x *Foreign) Loaded() int { return len(x.rules) + len(x.correlations) }

// evaluate holds the user's rules against an event of an audit log.
func (x *Foreign) evaluate(f *facts.Fact) {
	if x == nil || f.Kind != facts.KindAudit || f.Is("duplicate") || f.Is("own_trace") {
		return
	}
	e := googleView{f}
	service := f.Text("event.service")
	for _, r := range x.rules {
		_, wants, _ := strings.Cut(strings.ToLower(r.Logsource.Service), ".")
		if wants != "" && wants != service || !r.Match(e) {
			continue
		}
		o := &Observation{Bundle: f.Bundle, Exhibit: f.Exhibit, Locator: f.Locator, Resource: f.Resource, Kind: f.Kind, Time: f.Time, Zone: f.Zone}
		x.hit(r, f, e, []*Observation{o}, 0)
	}
}

// hit tells that a rule holds, and the correlations about it.
func (x *Foreign) hit(r *sigma.Rule, f *facts.Fact, e googleView, seen []*Observation, depth int) {
	if !x.silent[r] {
		x.note(r, f, seen)
	}
	for i := range x.correlations {
		c := &x.correlations[i]
		for _, key := range []string{r.Name, r.ID} {
			if depth > 5 || key == "" || !c.Uses(key) {
				continue
			}
			if all, fired := c.Add(key, e, f.Time, seen); fired {
				x.hit(c.rule, f, e, all, depth+1)
			}
			break
		}
	}
}

func (x *Foreign) note(r *sigma.Rule, f *facts.Fact, seen []*Observation) {
	key := r.ID + "\x00" + r.Title + "\x00" + f.Account
	h := x.hits[key]
	if h == nil {
		if len(x.hits) >= maxFindings {
			return
		}
		h = &ThirdParty{Title: r.Title, ID: r.ID, Author: r.Author, License: r.License, Level: r.Level, Tags: r.Tags, Account: f.Account}
		x.hits[key] = h
	}
	h.Count++
	for _, o := range seen {
		if len(h.Observed) < maxObserved && !slices.Contains(h.Observed, o) {
			h.Observed = append(h.Observed, o)
		}
	}
}

func (x *Foreign) results() ([]ThirdParty, []string) {
	if x == nil {
		return nil, nil
	}
	var all []ThirdParty
	for _, h := range x.hits {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b ThirdParty) int { return strings.Compare(a.Title+"\x00"+a.Account, b.Title+"\x00"+b.Account) })
	return all, x.notLoaded
}

// A googleView shows an event in both namings that public rules use: flat as the Reports API has it (eventService,
// eventName, parameters), and as Cloud Logging has it (protoPayload.serviceName, protoPayload.metadata.event.eventName).
type googleView struct{ *facts.Fact }

func (v googleView) Values(field string) ([]string, bool) {
	name := ""
	switch field {
	case "eventservice", "protopayload.servicename", "service":
		return []string{v.Text("event.service") + ".googleapis.com"}, true
	case "eventname", "protopayload.methodname", "protopayload.metadata.event.eventname", "event.name", "event_name":
		name = "event.name"
	case "eventtype", "protopayload.metadata.event.eventtype", "event.type":
		name = "event.type"
	case "eventsource", "id.applicationname":
		name = "event.application"
	case "actor.email", "protopayload.authenticationinfo.principalemail":
		name = "actor"
	case "ipaddress", "protopayload.requestmetadata.callerip":
		name = "ip"
	default:
		name = parameterOf(field)
	}
	x, ok := v.Get(name)
	return x.All(), ok
}

// parameterOf takes off what other writers put before a parameter's name.
func parameterOf(field string) string {
	for _, prefix := range []string{"protopayload.metadata.event.parameter.", "protopayload.metadata.event.", "parameters.", "event.parameters."} {
		if name, ok := strings.CutPrefix(field, prefix); ok {
			return name
		}
	}
	return field
}

func (v googleView) Texts(yield func(string) bool) {
	for _, field := range v.Fields {
		for _, text := range field.Value.All() {
			if !yield(text) {
				return
			}
		}
	}
}

// NotLoaded names the rules that will not be evaluated, and why.
func (x *Foreign) NotLoaded() []string { return x.notLoaded }
