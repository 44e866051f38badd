package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// An Audience is for whom a report is made. The names are those of the command line.
type Audience string

// The audiences.
const (
	Cell    Audience = "cellule"    // who handles the incident: everything
	Police  Audience = "police"     // police or gendarmerie, with the complaint
	CNIL    Audience = "cnil"       // the authority for data protection, and the DPO
	Insurer Audience = "assureur"   // the insurer and its expert
	Partner Audience = "partenaire" // somebody outside who may have been written to
)

// The sections of a report, in its order.
const (
	SecSynthesis   = "synthesis"
	SecReported    = "reported"
	SecConfirm     = "confirm"
	SecScope       = "scope"
	SecAccess      = "access"
	SecImpact      = "impact"
	SecUrgency     = "urgency"
	SecRule        = "rule"
	SecTimeline    = "timeline"
	SecContainment = "containment"
	SecMessages    = "messages"
	SecDetection   = "detection"
	SecContacts    = "contacts"
	SecRemediation = "remediation"
	SecDoctrine    = "doctrine"
	SecLimits      = "limits"
	SecExhibits    = "exhibits"
	SecComplaint   = "complaint"
	SecCNIL        = "cnil"
	SecJournal     = "journal"
	SecGlossary    = "glossary"
	SecIndicators  = "indicators"
	SecSheets      = "sheets"
)

// Sections lists all of them: 1 to 17, and then the annexes A to F.
func Sections() []string {
	return []string{SecSynthesis, SecReported, SecConfirm, SecScope, SecAccess, SecImpact, SecUrgency, SecRule, SecTimeline, SecContainment, SecMessages,
		SecDetection, SecContacts, SecRemediation, SecDoctrine, SecLimits, SecExhibits, SecComplaint, SecCNIL, SecJournal, SecGlossary, SecIndicators, SecSheets}
}

// An Access is what an audience gets. What is false is taken out of the model, before anything is rendered.
type Access struct {
	Sections       []string
	Subjects       bool // subjects of messages, and what else was observed field by field
	Correspondents bool // addresses of people outside that are not the intruder's
	People         bool // names, telephone numbers and roles of the organisation's people
	Confidential   bool // entries of the journal that are marked confidential
}

// Audiences is the whole table.
func Audiences() map[Audience]Access {
	return map[Audience]Access{
		Cell: {Sections: Sections(), Subjects: true, Correspondents: true, People: true, Confidential: true},
		Police: {Subjects: true, Correspondents: true, People: true, Sections: []string{SecSynthesis, SecReported, SecConfirm, SecScope, SecAccess, SecImpact, SecTimeline,
			SecContainment, SecMessages, SecDetection, SecContacts, SecLimits, SecExhibits, SecComplaint, SecJournal, SecGlossary, SecIndicators}},
		CNIL: {People: true, Sections: []string{SecSynthesis, SecReported, SecConfirm, SecScope, SecImpact, SecTimeline, SecContainment, SecContacts, SecRemediation,
			SecLimits, SecCNIL, SecGlossary}},
		Insurer: {People: true, Sections: []string{SecSynthesis, SecReported, SecConfirm, SecScope, SecAccess, SecImpact, SecUrgency, SecRule, SecTimeline, SecContainment,
			SecRemediation, SecLimits, SecExhibits, SecJournal, SecGlossary}},
		Partner: {Sections: []string{SecSynthesis, SecDetection, SecGlossary, SecIndicators}},
	}
}

// ParseAudience reads the name of an audience.
func ParseAudience(s string) (Audience, error) {
	if _, ok := Audiences()[Audience(s)]; !ok {
		return "", fmt.Errorf("there is no audience %q", s)
	}
	return Audience(s), nil
}

// Has says whether an audience gets a section.
func (m *Model) Has(section string) bool {
	return slices.Contains(Audiences()[m.Audience].Sections, section)
}

// For gives the part of a report that an audience may have. The report of the cell is the whole one. The model given stays
// as it is.
func For(m *Model, audience Audience) (*Model, error) {
	may, ok := Audiences()[audience]
	if !ok {
		return nil, fmt.Errorf("there is no audience %q", audience)
	}
	part := *m
	part.Audience, part.Withheld = audience, []string{}
	for _, s := range Sections() {
		if !slices.Contains(may.Sections, s) {
			part.Withheld = append(part.Withheld, s)
		}
	}
	if audience == Cell {
		return &part, nil
	}
	part.withhold(may)
	return part.masked(newMask(m, may))
}

// withhold takes out what belongs to sections that this audience does not get.
func (m *Model) withhold(may Access) {
	lacks := func(section string) bool { return !slices.Contains(may.Sections, section) }
	m.Decision = part(m.Decision, lacks)
	if lacks(SecRule) {
		m.Possible = ""
	}
	if lacks(SecConfirm) {
		m.Findings, m.Rules, m.Others, m.Foreign = []*findings.Finding{}, nil, 0, 0
	}
	if lacks(SecTimeline) {
		m.Timeline, m.Picture, m.More = nil, Pictures{Zone: m.Picture.Zone}, 0
	}
	if lacks(SecScope) {
		m.Picture.Links = nil
	}
	if lacks(SecContainment) {
		m.Plans, m.Watch = nil, nil
	}
	if lacks(SecMessages) {
		m.Sent, m.MoreSent, m.Unaddressed = nil, 0, 0
	}
	if lacks(SecContacts) {
		m.Contacts, m.Blind, m.MoreContacts, m.Letter = nil, nil, 0, Letter{}
	}
	if lacks(SecDetection) {
		m.Sources = nil
	}
	if m.bare(may); lacks(SecIndicators) {
		m.Indicators = nil
	}
	if lacks(SecComplaint) {
		m.Handed = nil
	}
	if lacks(SecCNIL) {
		m.Data = nil
	}
	if lacks(SecExhibits) {
		m.Exhibits, m.Unlisted = nil, 0
	}
	if lacks(SecLimits) {
		m.Coverage, m.Gaps, m.MoreGaps, m.Personal = nil, nil, 0, 0
		m.Content, m.OwnTraces, m.OwnExhibits = nil, 0, nil
	}
	if lacks(SecReported) {
		m.Case.Detected, m.Case.Business, m.Case.Authority = nil, casefile.Business{}, ""
		m.Case.Bank, m.Case.Insurance, m.Case.Hosting = casefile.Contact{}, casefile.Insurance{}, casefile.Hosting{}
	}
	if !may.People {
		m.Case.Complainant, m.Case.Bank = casefile.Complainant{Name: m.Case.Complainant.Name}, casefile.Contact{}
		m.Case.Roles, m.Case.Contacts, m.Case.Operator, m.Case.Contact = nil, nil, "", ""
		m.Plans = slices.Clone(m.Plans)
		for i := range m.Plans {
			m.Plans[i].By = ""
		}
		m.Bundles = slices.Clone(m.Bundles)
		for i := range m.Bundles {
			m.Bundles[i].Operator = ""
		}
	}
	m.journal(may, lacks(SecJournal))
}

// journal takes out the confidential entries, and what the chronology shows of them.
func (m *Model) journal(may Access, none bool) {
	secret := map[uint64]bool{}
	var open []journal.Line
	for _, line := range m.Journal {
		if line.Confidentiality != "" && !may.Confidential {
			secret[line.Seq] = true
			continue
		}
		open = append(open, line)
	}
	m.JournalKept = len(secret)
	m.Journal = open
	m.Timeline = slices.DeleteFunc(slices.Clone(m.Timeline), func(e Event) bool { return e.Journal != 0 && (secret[e.Journal] || !may.People) })
	m.Case.Detected = slices.DeleteFunc(slices.Clone(m.Case.Detected), func(d Detection) bool { return secret[d.Seq] })
	if none {
		m.Journal = nil
	}
}

// part is a decision without what belongs to other sections.
func part(d *decision.Decision, lacks func(string) bool) *decision.Decision {
	if d == nil {
		return nil
	}
	p := *d
	if lacks(SecConfirm) {
		p.Confirmation.Grounds, p.Confirmation.Open, p.Questions, p.Unknowns = nil, nil, nil, nil
	}
	if lacks(SecScope) {
		p.Scope, p.Perimeter, p.Sensitive = decision.Axis{}, nil, nil
	}
	if lacks(SecAccess) {
		p.Hypotheses = nil
	}
	if lacks(SecImpact) {
		p.Impact, p.Exfiltration = decision.Axis{}, nil
	}
	if lacks(SecUrgency) {
		p.Urgency = decision.Axis{}
	}
	if lacks(SecRule) {
		p.Rule, p.Worst, p.If, p.Floors, p.Override, p.Change, p.Bias = decision.Rule{}, decision.Rule{}, nil, nil, nil, nil, decision.Text{}
		p.Possible = ""
	}
	if lacks(SecReported) {
		p.Clocks = nil
	}
	if lacks(SecDoctrine) {
		p.Doctrine = nil
	}
	return &p
}

// A mask takes phrases and addresses out of texts.
type mask struct {
	phrases   []string
	addresses bool
	shown     map[string]bool // addresses that stay: own ones, the intruder's
	own       []string
	numbers   map[string]int
	fields    bool // observed fields go as well
}

func newMask(m *Model, may Access) *mask {
	k := &mask{addresses: !may.Correspondents, fields: !may.Subjects, shown: map[string]bool{}, numbers: map[string]int{}, own: m.ownDomains()}
	for _, a := range m.Accounts {
		k.shown[strings.ToLower(a)] = true
	}
	for _, l := range m.Picture.Links {
		if l.Outside {
			k.shown[strings.ToLower(l.To)], k.shown[strings.ToLower(l.From)] = true, true
		}
	}
	for _, x := range m.Indicators {
		if x.Kind == suspects.KindEmail && !x.Received {
			k.shown[strings.ToLower(x.Value)] = true
		}
	}
	if !may.Subjects {
		k.phrases = subjects(m)
	}
	return k
}

// subjects lists the subjects, titles and account numbers that a model holds, the longest first.
func subjects(m *Model) []string {
	found := map[string]bool{}
	for _, x := range m.Sent {
		found[x.Subject] = true
		for _, iban := range x.IBANs {
			found[iban] = true
		}
	}
	for _, f := range m.Findings {
		for _, o := range f.Observed {
			for _, field := range o.Fields {
				if strings.HasSuffix(field.Name, "subject") || strings.HasSuffix(field.Name, "doc_title") || strings.HasSuffix(field.Name, "attachments") ||
					slices.Contains([]string{"iban", "iban.new", "iban.before", "iban.quoted"}, field.Name) {
					for _, text := range field.Value.All() {
						found[text] = true
					}
				}
			}
		}
	}
	var all []string
	for text := range found {
		if len(text) >= 3 {
			all = append(all, text)
		}
	}
	slices.SortFunc(all, func(x, y string) int { return cmp.Or(cmp.Compare(len(y), len(x)), strings.Compare(x, y)) })
	return all
}

// address finds what looks like a mail address.
var address = regexp.MustCompile(`[\pL\pN._%+'&=~-]+@[\pL\pN](?:[\pL\pN.-]*[\pL\pN])?`)

func (k *mask) text(s string) string {
	for _, phrase := range k.phrases {
		s = strings.ReplaceAll(s, phrase, "[…]")
	}
	if !k.addresses {
		return s
	}
	return address.ReplaceAllStringFunc(s, func(a string) string {
		name, _, _ := strings.Cut(a, "@")
		lower := strings.TrimSuffix(strings.ToLower(a), ".json") // a document that is named after an account
		if k.shown[lower] || name == "" || k.mine(lower) {
			return a
		}
		if k.numbers[lower] == 0 {
			k.numbers[lower] = len(k.numbers) + 1
		}
		return fmt.Sprintf("[correspondent %d]", k.numbers[lower])
	})
}

func (k *mask) mine(address string) bool { return within(address, k.own) }

// ownDomains are the organisation's, as the case names them, and those of the accounts examined.
func (m *Model) ownDomains() []string {
	own := slices.Clone(m.Case.OwnDomains)
	for _, a := range m.Accounts {
		if _, domain, ok := strings.Cut(a, "@"); ok {
			own = append(own, domain)
		}
	}
	return own
}

// within says whether an address is of one of the domains.
func within(address string, domains []string) bool {
	_, domain, _ := strings.Cut(address, "@")
	return slices.ContainsFunc(domains, func(own string) bool {
		return strings.EqualFold(own, domain) || strings.HasSuffix(domain, "."+strings.ToLower(own))
	})
}

// masked gives the model with the mask over every text in it, wherever it stands.
func (m *Model) masked(k *mask) (*Model, error) {
	whole := *m
	if k.fields {
		whole.Findings = nil
		for _, f := range m.Findings {
			g := *f
			g.Observed = nil
			for _, o := range f.Observed {
				bare := *o
				bare.Fields = nil
				g.Observed = append(g.Observed, &bare)
			}
			whole.Findings = append(whole.Findings, &g)
		}
	}
	data, err := json.Marshal(&whole)
	if err != nil {
		return nil, err
	}
	var tree any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if data, err = json.Marshal(k.walk(tree)); err != nil {
		return nil, err
	}
	var masked Model
	if err := json.Unmarshal(data, &masked); err != nil {
		return nil, err
	}
	for _, line := range m.Journal {
		line.Description, line.Result, line.Account, line.Informant = k.text(line.Description), k.text(line.Result), k.text(line.Account), k.text(line.Informant)
		masked.Journal = append(masked.Journal, line)
	}
	return &masked, nil
}

func (k *mask) walk(x any) any {
	switch x := x.(type) {
	case string:
		return k.text(x)
	case []any:
		for i := range x {
			x[i] = k.walk(x[i])
		}
	case map[string]any:
		for name, value := range x {
			x[name] = k.walk(value)
		}
	}
	return x
}

// Defang makes a stranger's text safe to show in any form: what does not show as itself is written out, and URLs and IP
// addresses are defanged, so that no reader and no program follows them.
func Defang(s string) string {
	s = scheme.ReplaceAllStringFunc(s, func(u string) string {
		u = strings.NewReplacer("://", "[:]//").Replace(u)
		for _, p := range [][2]string{{"https", "hxxps"}, {"http", "hxxp"}} {
			if len(u) >= len(p[0]) && strings.EqualFold(u[:len(p[0])], p[0]) {
				return p[1] + u[len(p[0]):]
			}
		}
		return u
	})
	s = hostStart.ReplaceAllString(s, "$1[.]")
	s = afterScheme.ReplaceAllStringFunc(s, func(u string) string {
		begin, host, _ := strings.Cut(u, "//")
		return begin + "//" + strings.ReplaceAll(host, ".", "[.]")
	})
	s = dotted.ReplaceAllStringFunc(s, func(ip string) string {
		i := strings.LastIndexByte(ip, '.')
		return ip[:i] + "[.]" + ip[i+1:]
	})
	return colons.ReplaceAllStringFunc(s, func(ip string) string {
		if _, err := netip.ParseAddr(strings.TrimSuffix(ip, ":")); err != nil || !strings.Contains(ip, ":") {
			return ip
		}
		return strings.Replace(ip, ":", "[:]", 1)
	})
}

var (
	scheme      = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://`)
	afterScheme = regexp.MustCompile(`(?:\[:\])?//[^\s/?#"'<>]*`)
	hostStart   = regexp.MustCompile(`(?i)\b(www)\.`)
	dotted      = regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}`)
	colons      = regexp.MustCompile(`(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}`)
)
