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
	rules     []*sigma.Rule
	hits      map[string]*ThirdParty
	notLoaded []string
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
	x := &Foreign{hits: map[string]*ThirdParty{}}
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
	if err != nil && strings.Contains(strings.ToLower(string(data)), "google_workspace") {
		x.notLoaded = append(x.notLoaded, fmt.Sprintf("%s: %v", name, err))
	}
	for _, r := range parsed {
		if r.Correlation == nil && strings.HasPrefix(strings.ToLower(r.Logsource.Service), "google_workspace") {
			x.rules = append(x.rules, r)
		} else if r.Correlation != nil {
			x.notLoaded = append(x.notLoaded, fmt.Sprintf("%s: a correlation of the user's own is not evaluated", name))
		}
	}
	return nil
}

// Loaded is how many rules will be evaluated.
func (x *Foreign) Loaded() int { return len(x.rules) }

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
		x.hit(r, f)
	}
}

func (x *Foreign) hit(r *sigma.Rule, f *facts.Fact) {
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
	if len(h.Observed) < maxObserved {
		h.Observed = append(h.Observed, &Observation{Bundle: f.Bundle, Exhibit: f.Exhibit, Locator: f.Locator, Resource: f.Resource, Kind: f.Kind, Time: f.Time, Zone: f.Zone})
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
