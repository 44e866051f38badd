package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/findings/watch"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
)

const (
	listedAtMost  = 30 // indicators that are printed at the beginning
	watchedWidth  = 60 // characters of one value
	triedAtMost   = 50 // rows of the table
	nobodysName   = "-"
	watchTimeForm = "2006-01-02 15:04:05 -07:00"
)

func lateness(app string) time.Duration { return workspace.Lateness(app) }

func (w *watching) inZone(at time.Time) string {
	return at.In(caseLocation(w.c)).Format(watchTimeForm)
}

// strange shows what a stranger may have written: nothing hidden, nothing to click on.
func strange(s string) string { return report.Defang(visible.Cut(s, watchedWidth)) }

// introduce says what is watched for, and why nothing is blocked.
func (w *watching) introduce() {
	all := w.list.Indicators()
	w.sayWrapped("", fmt.Sprintf(w.c.words("watching %s of everybody, from %s on (%s), for:", "surveillance de %s pour tous, à partir du %s (%s), à la recherche de :"),
		strings.Join(w.opts.logs, ", "), w.inZone(w.state.Since), visible.Text(w.plan.why)))
	for _, i := range all[:min(len(all), listedAtMost)] {
		shared := ""
		if i.Shared {
			shared = w.c.words("; others use it too", " ; d'autres s'en servent aussi")
		}
		w.say("  %-8s %s  (%s%s)", i.Kind, strange(i.Value), visible.Cut(strings.TrimSuffix(i.From+": "+i.Why, ": "), watchedWidth), shared)
	}
	if more := len(all) - listedAtMost; more > 0 {
		w.say(w.c.words("  and %d more", "  et %d autres"), more)
	}
	for _, l := range w.plan.left {
		w.sayWrapped("  - ", fmt.Sprintf("%s %s: %s", l.Kind, strange(l.Value), l.Why.In(w.c.Language)))
	}
	if !w.plan.analysed {
		w.sayWrapped("", w.c.words("the case has not been qualified: only what is named here is looked for, and no source is known as the user's own; type mbaudit qualify first",
			"le dossier n'a pas été qualifié : seul ce qui est nommé ici est cherché, et aucune source n'est connue comme celle de l'utilisateur ; tapez d'abord mbaudit qualify"))
	}
	w.sayWrapped("", w.c.words(
		"Nothing is blocked: a blocked intruder knows that he is seen and comes from another address, which nobody watches; addresses are shared by people who did nothing; and a sign-in that is watched shows which other accounts he has. Lock the account he gets into (mbaudit contain), not the address.",
		"Rien n'est bloqué : un intrus bloqué sait qu'il est vu et revient d'une autre adresse, que personne ne surveille ; une adresse est partagée par des gens qui n'y sont pour rien ; et une connexion surveillée montre quels autres comptes il a. Verrouillez le compte où il entre (mbaudit contain), pas l'adresse."))
}

// sayWrapped says a text in lines that a screen holds.
func (w *watching) sayWrapped(head, text string) {
	for _, line := range wrapBehind(head, visible.Line(text), tableWidth) {
		w.say("%s", line)
	}
}

// verdictWords say what a hit means.
func (w *watching) verdictWords(h *watch.Hit) string {
	switch {
	case h.Verdict == watch.Similar:
		return w.c.words("perhaps the intruder", "peut-être l'intrus")
	case h.Verdict == watch.User && h.GotIn():
		return w.c.words("the user is back", "l'utilisateur est de retour")
	case h.Verdict == watch.User:
		return w.c.words("the user tries", "l'utilisateur essaie")
	case h.Verdict == watch.Stranger && h.GotIn():
		return w.c.words("SOMEBODY UNKNOWN GOT IN", "UN INCONNU EST ENTRÉ")
	case h.Verdict == watch.Stranger:
		return w.c.words("somebody unknown tries", "un inconnu essaie")
	case h.GotIn():
		return w.c.words("THE INTRUDER GOT IN", "L'INTRUS EST ENTRÉ")
	}
	return w.c.words("the intruder tries", "l'intrus essaie")
}

// sentence is what the logbook says of a hit.
func (w *watching) sentence(h *watch.Hit) string {
	account, from := h.Account, h.IP
	if account == "" {
		account = w.c.words("nobody of the tenant", "personne du domaine")
	}
	if from == "" {
		from = w.c.words("an address that Google does not give", "une adresse que Google ne donne pas")
	}
	return fmt.Sprintf(w.c.words("%s: %s, in the log %s: %s, from %s; by %s", "%s : %s, dans le journal %s : %s, depuis %s ; d'après %s"),
		w.verdictWords(h), short(account), h.Application, short(strings.Join(h.Events, ", ")), short(from), short(h.By()))
}

// printHit prints one line.
func (w *watching) printHit(h *watch.Hit, exhibit string) error {
	if w.g.json {
		return w.printLine(struct {
			Type    string `json:"type"`
			Bundle  string `json:"bundle"`
			Exhibit string `json:"exhibit"`
			GotIn   bool   `json:"got_in"`
			*watch.Hit
		}{"hit", w.kept.id(), exhibit, h.GotIn(), h})
	}
	account := h.Account
	if account == "" {
		account = nobodysName
	}
	w.print("%s  %s  %s  %s %s  %s  [%s; %s]", w.inZone(h.Time), w.verdictWords(h), strange(account), h.Application, strange(strings.Join(h.Events, ",")), strange(h.IP), strange(h.By()), exhibit)
	return nil
}

// printLine prints a document on one line.
func (w *watching) printLine(v any) error { return json.NewEncoder(w.stdout).Encode(v) }

// A triedDocument is CASE/watch/tried.json.
type triedDocument struct {
	V        int         `json:"v"`
	MadeAt   time.Time   `json:"made_at"`
	Since    time.Time   `json:"since"`
	Accounts []watch.Try `json:"accounts"`
	// NotTold counts activities beyond what is told apart.
	NotTold int64 `json:"not_told_apart,omitempty"`
	// NotRead are logs that could not be read up to now: what is in them is not here.
	NotRead []string `json:"not_read,omitempty"`
}

func (w *watching) writeTried() error {
	return writeIndented(w.c.path(watchName, watchTriedName), w.triedDocument())
}

func (w *watching) triedDocument() triedDocument {
	return triedDocument{V: 1, MadeAt: w.now().UTC(), Since: w.state.Since, Accounts: w.journal.all(), NotTold: w.journal.uncounted + w.journal.tried.Others() + w.journal.counted.Others(), NotRead: w.incomplete()}
}

// printTried prints the accounts that were tried.
func (w *watching) printTried() error {
	doc := w.triedDocument()
	if w.g.json {
		return w.printLine(struct {
			Type string `json:"type"`
			triedDocument
		}{"tried", doc})
	}
	if len(doc.Accounts) == 0 {
		w.print("%s", w.c.words("nothing of the watch list was seen; logs come late, so that this is no proof", "rien de la liste n'a été vu ; les journaux arrivent en retard : ce n'est pas une preuve"))
		return nil
	}
	w.print("%s", w.c.words("accounts that the intruder tried:", "comptes tentés par l'intrus :"))
	for _, x := range doc.Accounts[:min(len(doc.Accounts), triedAtMost)] {
		account := x.Account
		if account == "" {
			account = nobodysName
		}
		in := w.c.words("did not get in", "n'est pas entré")
		if x.Got > 0 {
			in = fmt.Sprintf(w.c.words("GOT IN, first %s", "EST ENTRÉ, d'abord le %s"), w.inZone(x.GotFirst))
		}
		w.print("  %s  %d  %s – %s  %s  [%s]", strange(account), x.Attempts, w.inZone(x.First), w.inZone(x.Last), in, strange(strings.Join(x.By, ", ")))
	}
	if more := len(doc.Accounts) - triedAtMost; more > 0 {
		w.print(w.c.words("  and %d more, in %s", "  et %d autres, dans %s"), more, w.c.path(watchName, watchTriedName))
	}
	w.sayTakeBack(doc.Accounts)
	return nil
}

// sayTakeBack says what to type about the accounts that he got into.
func (w *watching) sayTakeBack(tried []watch.Try) {
	accounts := ""
	for _, x := range tried[:min(len(tried), triedAtMost)] {
		if x.Got > 0 && strings.Contains(x.Account, "@") {
			accounts += " --account " + shellQuote(visible.Text(x.Account))
		}
	}
	if accounts != "" {
		w.say(w.c.words("take back what he got into: ", "reprenez ce où il est entré : ")+"mbaudit contain%s --google-admin %s", accounts, visible.Text(w.opts.google.admin))
	}
}
