package handover

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
)

func newTable(o Options, columns []column) *table {
	t := &table{separator: ",", french: o.Language == "fr"}
	if t.french {
		t.separator = ";"
		t.out.WriteString("\ufeff") // Excel takes the file for UTF-8 by it
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = t.say(c.english, c.french)
	}
	_ = export.Row(&t.out, t.separator, names) // a buffer takes everything
	return t
}

func (t *table) say(english, french string) string {
	if t.french {
		return french
	}
	return english
}

func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = export.Cell(cells[i])
	}
	_ = export.Row(&t.out, t.separator, cells)
}

// tables makes the CSV files that the audience may have.
func tables(h *Handover, o Options) ([]File, error) {
	var files []File
	if h.may(report.SecIndicators) {
		files = append(files, File{"indicators.csv", h.indicatorTable(o)})
	}
	if h.Audience == report.Cell { // it names the organisation's own addresses
		files = append(files, File{"not-indicators.csv", h.leftOutTable(o)})
	}
	if h.may(report.SecConfirm) {
		files = append(files, File{"findings.csv", h.findingTable(o)})
	}
	if h.may(report.SecTimeline) {
		files = append(files, File{"timeline.csv", h.eventTable(o)})
	}
	if h.Messages != nil {
		files = append(files, File{"messages.csv", h.messageTable(o)})
	}
	if h.Contacts != nil {
		files = append(files, File{"contacts.csv", h.contactTable(o)})
	}
	if h.may(report.SecLimits) {
		files = append(files, File{"not-known.csv", h.unknownTable(o)})
	}
	return files, nil
}

func (h *Handover) indicatorTable(o Options) []byte {
	t := newTable(o, []column{{"type", "type"}, {"value", "valeur"}, {"status", "état"}, {"confidence", "confiance"}, {"alarm", "alarme"}, {"why", "pourquoi"}, {"findings", "constats"},
		{"rules", "règles"}, {"techniques", "techniques"}, {"first_seen", "vu d'abord"}, {"last_seen", "vu en dernier"}, {"valid_until", "utile jusqu'au"}, {"events", "événements"},
		{"asn", "AS"}, {"network", "réseau"}, {"country", "pays"}, {"user_agents", "logiciels"}, {"accounts", "comptes"}, {"exhibits", "pièces"}, {"warnings", "attention"}, {"tlp", "TLP"}})
	for _, x := range h.Indicators {
		var findings, rules, titles, warnings []string
		for _, r := range x.Reasons {
			findings, rules, titles = addOnce(findings, r.Finding), addOnce(rules, r.Rule), addOnce(titles, r.Title.In(o.Language))
		}
		for _, w := range x.Warnings {
			warnings = append(warnings, w.Text.In(o.Language))
		}
		alarm := t.say("no", "non")
		if x.Alarm() {
			alarm = t.say("yes", "oui")
		}
		t.row(string(x.Kind), x.Value, x.Status.In(o.Language), fmt.Sprint(x.Confidence), alarm, strings.Join(titles, " | "), strings.Join(findings, " "), strings.Join(rules, " "),
			strings.Join(x.Techniques(), " "), stampOf(x.First), stampOf(x.Last), stampOf(x.Until), fmt.Sprint(x.Events), autonomous(x.ASN), x.Network, x.Country,
			strings.Join(x.Agents, " | "), strings.Join(x.Accounts, " "), strings.Join(x.Exhibits, " "), strings.Join(warnings, " | "), strings.ToUpper(o.TLP))
	}
	return t.out.Bytes()
}

func (h *Handover) leftOutTable(o Options) []byte {
	t := newTable(o, []column{{"type", "type"}, {"value", "valeur"}, {"why_not", "pourquoi non"}})
	for _, x := range h.LeftOut {
		t.row(string(x.Kind), x.Value, x.Why.In(o.Language))
	}
	return t.out.Bytes()
}

func (h *Handover) findingTable(o Options) []byte {
	t := newTable(o, []column{{"finding", "constat"}, {"rule", "règle"}, {"title", "intitulé"}, {"grade", "degré"}, {"strength", "force"}, {"recognition", "reconnu"}, {"account", "compte"},
		{"subject", "sujet"}, {"count", "nombre"}, {"first", "premier"}, {"last", "dernier"}, {"techniques", "techniques"}, {"exhibits", "pièces"}, {"means", "signification"}, {"question", "question"}})
	for _, f := range h.Findings {
		t.row(f.ID, f.Rule, f.Title[o.Language], string(f.Grade), f.Strength, string(f.Recognition), f.Account, f.Subject, fmt.Sprint(f.Count), stampOf(f.First), stampOf(f.Last),
			strings.Join(f.Technique, " "), strings.Join(f.Exhibits, " "), f.Interpretation[o.Language], f.Question[o.Language])
	}
	return t.out.Bytes()
}

func (h *Handover) eventTable(o Options) []byte {
	t := newTable(o, []column{{"utc", "UTC"}, {"local", "heure locale"}, {"lane", "qui"}, {"event", "événement"}, {"account", "compte"}, {"actor", "acteur"}, {"source_ip", "adresse IP"},
		{"asn", "AS"}, {"country", "pays"}, {"detail", "détail"}, {"findings", "constats"}, {"exhibit", "pièce"}, {"at", "où"}, {"time_is", "l'heure est"}})
	for _, e := range h.Events {
		name := h.title(e, o.Language)
		if name == "" {
			name = e.Name
		}
		exhibit := e.Exhibit
		if e.Seq != 0 {
			exhibit = fmt.Sprintf("journal %d", e.Seq)
		}
		t.row(e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), o.local(e.Time), e.Lane, name, e.Account, e.Actor, e.IP, autonomous(e.ASN), e.Country, e.Detail, strings.Join(e.Findings, " "), exhibit, e.At,
			describe(e, o.Language))
	}
	return t.out.Bytes()
}

func (h *Handover) unknownTable(o Options) []byte {
	t := newTable(o, []column{{"account", "compte"}, {"what", "quoi"}, {"source", "source"}, {"reason", "raison"}, {"do", "que faire"}, {"until", "jusqu'au"}})
	for _, u := range h.Unknowns {
		t.row(u.Account, visible.Line(u.Text.In(o.Language)), u.Source, u.Reason, u.Do.In(o.Language), stampOf(u.Expires))
	}
	if h.Unlisted > 0 {
		t.row("", t.say("events of the persons themselves that the timeline does not list: ", "événements des personnes elles-mêmes absents de la chronologie : ")+fmt.Sprint(h.Unlisted), "facts.jsonl", "", "", "")
	}
	return t.out.Bytes()
}
