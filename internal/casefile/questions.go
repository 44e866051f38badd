package casefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Question asks for something about a case that only people know. None needs an answer; what has none shows as open in the
// report, with who should give it.
type Question struct {
	Key    string // as in case.yaml: "roles.dpo"
	FR, EN string
	Who    string // the role that should know, one of Roles
	Early  bool   // it is asked in the first minutes; the others can wait for the morning

	get func(*Case) string
	set func(*Case, string) error
}

// In is the question in a language, "fr" or else English.
func (q Question) In(language string) string {
	if language == "fr" {
		return q.FR
	}
	return q.EN
}

// Answer is what the case says; "" where nobody said.
func (q Question) Answer(c *Case) string { return q.get(c) }

// Set writes an answer into the case. Lists are separated by semicolons.
func (q Question) Set(c *Case, answer string) error { return q.set(c, strings.TrimSpace(answer)) }

// one is a question whose answer is one text of the case.
func one(key, fr, en, who string, field func(*Case) *string) Question {
	return Question{Key: key, FR: fr, EN: en, Who: who, get: func(c *Case) string { return *field(c) }, set: func(c *Case, s string) error {
		*field(c) = s
		return nil
	}}
}

// several is a question whose answer is a list.
func several(key, fr, en, who string, field func(*Case) *[]string) Question {
	return Question{Key: key, FR: fr, EN: en, Who: who, get: func(c *Case) string { return strings.Join(*field(c), "; ") }, set: func(c *Case, s string) error {
		*field(c) = nil
		for _, part := range strings.Split(s, ";") {
			if part = strings.TrimSpace(part); part != "" {
				*field(c) = append(*field(c), part)
			}
		}
		return nil
	}}
}

// role is the question who has a role.
func role(name, fr, en string) Question {
	return Question{Key: "roles." + name, FR: fr, EN: en, Who: "decision_maker", get: func(c *Case) string { return c.Roles[name] }, set: func(c *Case, s string) error {
		if c.Roles == nil {
			c.Roles = map[string]string{}
		}
		c.Roles[name] = s
		return nil
	}}
}

func early(q Question) Question {
	q.Early = true
	return q
}

// Questions are all of them, in the order in which they are asked.
func Questions() []Question {
	return []Question{
		early(one("organisation", "Organisme victime", "Organisation concerned", "decision_maker", func(c *Case) *string { return &c.Organisation })),
		early(one("authority", "Mandat : qui a demandé la collecte, quand, à quel titre", "Mandate: who asked for the collection, when, on what ground", "decision_maker", func(c *Case) *string { return &c.Authority })),
		early(several("own_domains", "Domaines de messagerie de l'organisme (séparés par ;)", "The organisation's own mail domains (separated by ;)", "technical_lead", func(c *Case) *[]string { return &c.OwnDomains })),
		early(role("decision_maker", "Décideur : nom, téléphone", "Decision maker: name, telephone")),
		early(role("technical_lead", "Responsable technique : nom, téléphone", "Technical lead: name, telephone")),
		early(role("dpo", "Délégué à la protection des données : nom, téléphone", "Data protection officer: name, telephone")),
		early(role("finance", "Finances (virements en cours) : nom, téléphone", "Finance (pending transfers): name, telephone")),
		role("scribe", "Scribe (tient la main courante) : nom", "Scribe (keeps the logbook): name"),
		role("legal", "Juridique : nom, téléphone", "Legal: name, telephone"),
		role("communication", "Communication : nom, téléphone", "Communication: name, telephone"),
		role("business", "Métier : nom, téléphone", "Business: name, telephone"),
		role("provider", "Infogérant : nom, téléphone, mobilisable en urgence ?", "Outsourced IT provider: name, telephone, can it be mobilised at once?"),
		role("csirt", "CSIRT ou prestataire de réponse : nom, téléphone", "CSIRT or response provider: name, telephone"),
		several("business.critical_activities", "Activités essentielles (séparées par ;)", "Critical activities (separated by ;)", "business", func(c *Case) *[]string { return &c.Business.CriticalActivities }),
		several("business.depends_on_mailbox", "Activités qui dépendent de cette boîte (séparées par ;)", "Activities that depend on this mailbox (separated by ;)", "business", func(c *Case) *[]string { return &c.Business.DependsOnMailbox }),
		several("business.money_workflows", "Circuits de paiement qui passent par la boîte (séparés par ;)", "Money workflows through the mailbox (separated by ;)", "finance", func(c *Case) *[]string { return &c.Business.MoneyWorkflows }),
		one("business.continuity", "Procédure de continuité sans la boîte (laquelle, ou non)", "Procedure to go on without the mailbox (which, or no)", "business", func(c *Case) *string { return &c.Business.Continuity }),
		one("bank.name", "Banque : qui appeler pour un rappel de fonds", "Bank: whom to call for a recall of funds", "finance", func(c *Case) *string { return &c.Bank.Name }),
		one("bank.phone", "Banque : téléphone", "Bank: telephone", "finance", func(c *Case) *string { return &c.Bank.Phone }),
		one("insurance.insurer", "Assureur cyber", "Cyber insurer", "legal", func(c *Case) *string { return &c.Insurance.Insurer }),
		one("insurance.policy", "Assureur : numéro de contrat", "Insurer: policy number", "legal", func(c *Case) *string { return &c.Insurance.Policy }),
		one("insurance.phone", "Assureur : téléphone de déclaration", "Insurer: telephone for claims", "legal", func(c *Case) *string { return &c.Insurance.Phone }),
		one("complainant.name", "Plaignant (personne morale ou physique)", "Complainant (company or person)", "legal", func(c *Case) *string { return &c.Complainant.Name }),
		one("complainant.registration", "Plaignant : SIREN", "Complainant: company number", "legal", func(c *Case) *string { return &c.Complainant.Registration }),
		one("complainant.representative", "Plaignant : représentant légal ou porteur du pouvoir", "Complainant: legal representative, or who has power of attorney", "legal", func(c *Case) *string { return &c.Complainant.Representative }),
		one("complainant.address", "Plaignant : adresse postale", "Complainant: postal address", "legal", func(c *Case) *string { return &c.Complainant.Address }),
		one("hosting.provider", "Hébergeur de la messagerie", "Host of the mail system", "technical_lead", func(c *Case) *string { return &c.Hosting.Provider }),
		one("hosting.address", "Adresse postale des machines ou de l'hébergeur", "Postal address of the machines, or of the host", "technical_lead", func(c *Case) *string { return &c.Hosting.Address }),
		hostingZone(),
	}
}

// hostingZone refuses a zone that nobody knows: the times of the logs are read by it.
func hostingZone() Question {
	q := one("hosting.time_zone", "Fuseau horaire des journaux du serveur, comme Europe/Paris", "Time zone of the server's logs, as Europe/Paris", "technical_lead", func(c *Case) *string { return &c.Hosting.TimeZone })
	set := q.set
	q.set = func(c *Case, s string) error {
		if _, err := time.LoadLocation(s); err != nil {
			return fmt.Errorf("time zone %q is not known; write it as in Europe/Paris", s)
		}
		return set(c, s)
	}
	return q
}

// FindQuestion gives the question of a key.
func FindQuestion(key string) (Question, bool) {
	for _, q := range Questions() {
		if q.Key == key {
			return q, true
		}
	}
	return Question{}, false
}

// Open lists the questions of a case that have no answer.
func (c *Case) Open() []Question {
	var open []Question
	for _, q := range Questions() {
		if q.Answer(c) == "" {
			open = append(open, q)
		}
	}
	return open
}

// Replace writes the case in dir anew. The file that was there stays beside it, as case.yaml.1, case.yaml.2 …: its name is
// given. A comment that somebody wrote into it is in that one alone.
func Replace(dir string, c Case) (kept string, err error) {
	if err := c.Check(); err != nil {
		return "", err
	}
	doc, err := c.encode()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, Name)
	old, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		kept = fmt.Sprintf("%s.%d", path, n)
		err := create(kept, old)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := create(next, doc); err != nil {
		return "", err
	}
	return filepath.Base(kept), os.Rename(next, path)
}
