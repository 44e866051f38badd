package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// A Letter is what the case knows of the letter to those who got a fraudulent message. Section 13 shows it and mbaudit export
// writes it: the words are the same. What is empty is asked for in it.
type Letter struct {
	Reference    string    `json:"reference"`
	Organisation string    `json:"organisation,omitempty"`
	Mailboxes    []string  `json:"mailboxes"`
	Sure         bool      `json:"sure"` // one of the messages at least is confirmed
	First        time.Time `json:"first,omitzero"`
	Last         time.Time `json:"last,omitzero"`
	Name         string    `json:"name,omitempty"` // who answers
	Phone        string    `json:"phone,omitempty"`
	Email        string    `json:"email,omitempty"` // never that of an account examined
	DPO          string    `json:"dpo,omitempty"`
}

// NewLetter takes from a case what the letter needs. accounts are those under examination.
func NewLetter(c casefile.Case, accounts []string, messages []suspects.Message) Letter {
	who := speaker(c)
	l := Letter{Reference: c.Case, Organisation: c.Organisation, Name: who.Name, Phone: who.Phone, Email: strings.TrimSpace(who.Email), DPO: c.Roles["dpo"]}
	if slices.ContainsFunc(accounts, func(a string) bool { return strings.EqualFold(a, l.Email) }) {
		l.Email = ""
	}
	for _, m := range messages {
		if !slices.Contains(l.Mailboxes, m.Account) {
			l.Mailboxes = append(l.Mailboxes, m.Account)
		}
		if l.First.IsZero() || m.At.Before(l.First) {
			l.First = m.At
		}
		l.Last = later(l.Last, m.At)
		l.Sure = l.Sure || m.Status == suspects.Confirmed
	}
	slices.Sort(l.Mailboxes)
	return l
}

// speaker is whom the letter names: who speaks for the organisation, else who decides, else the technical lead. Roles have names;
// contacts have telephone numbers.
func speaker(c casefile.Case) casefile.Contact {
	for _, role := range []string{"communication", "decision_maker", "technical_lead"} {
		for _, x := range c.Contacts {
			if strings.EqualFold(strings.ReplaceAll(x.Role, " ", "_"), role) || x.Name != "" && x.Name == c.Roles[role] {
				return x
			}
		}
		if name := c.Roles[role]; name != "" {
			return casefile.Contact{Name: name}
		}
	}
	return casefile.Contact{}
}

// Paragraphs gives the letter in a language. fields is the language of the two fields that a mail merge fills: they are named like
// the columns of contacts.csv. Times are in zone.
func (l Letter) Paragraphs(language, fields string, zone *time.Location) ([]string, error) {
	p, err := newPage(&Model{}, language)
	if err != nil {
		return nil, err
	}
	p.zone = zone
	return p.letter(l, fields), nil
}

func (p *page) letter(l Letter, fields string) []string {
	or := func(s, missing string) string {
		return cmp.Or(show(strings.TrimSpace(s)), p.t("letter.missing", missing))
	}
	address := "«address»"
	if fields == "fr" {
		address = "«adresse»"
	}
	used := p.t("letter.used")
	if !l.Sure {
		used = p.t("letter.used.probably")
	}
	organisation := or(l.Organisation, p.t("letter.missing.organisation"))
	all := []string{organisation, p.t("letter.reference", show(l.Reference)), p.t("letter.subject"), p.t("letter.to", address), p.t("letter.dear"),
		p.t("letter.what", used, or(strings.Join(l.Mailboxes, ", "), p.t("letter.missing.account")), cmp.Or(p.days(l.First, l.Last), p.t("letter.missing", p.t("letter.missing.dates")))),
		"«messages»", p.t("letter.ask")}
	for i, line := range p.lines("letter.ask") {
		all = append(all, fmt.Sprintf("%d. %s", i+1, line))
	}
	return append(all, p.t("letter.done"), p.t("letter.reach", or(l.Name, p.t("letter.missing.name")), or(l.Phone, p.t("letter.missing.phone")), or(l.Email, p.t("letter.missing.email"))),
		p.t("letter.data", or(l.DPO, p.t("letter.missing.dpo"))), organisation)
}

// days is from when to when, as a letter has it.
func (p *page) days(first, last time.Time) string {
	layout := "2 January 2006"
	if p.language == "fr" {
		layout = "02/01/2006"
	}
	from, to := first.In(p.zone).Format(layout), last.In(p.zone).Format(layout)
	switch {
	case first.IsZero():
		return ""
	case from == to:
		return p.t("letter.once", from)
	}
	return p.t("letter.span", from, to)
}
