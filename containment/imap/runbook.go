package imap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Software that runbooks have words for.
const (
	Dovecot = "Dovecot"
	Cyrus   = "Cyrus"
	Courier = "Courier"
	Postfix = "Postfix"
	Exim    = "Exim"
	CPanel  = "cPanel"
	Plesk   = "Plesk"
)

// A Said is something that the server says of itself, and the exhibit that shows it.
type Said struct {
	What    string `json:"what"` // "greeting", "id" …
	Text    string `json:"text"`
	Exhibit string `json:"exhibit,omitempty"`
}

// Found is what is known of a server.
type Found struct {
	Said     []Said   `json:"said,omitempty"`
	Software []string `json:"software,omitempty"`
}

// mostSaid is how many characters of each thing that a server says are kept.
const mostSaid = 300

// Hear takes in what a server says of itself, and keeps the first line of it.
func (f *Found) Hear(what string, text []byte, exhibit string) {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 4*mostSaid)])), "\r\n")
	shown := visible.Cut(line, mostSaid)
	f.Said = append(f.Said, Said{what, shown, exhibit})
	low := strings.ToLower(string(text))
	for _, known := range []struct{ mark, name string }{
		{"dovecot", Dovecot}, {"pigeonhole", Dovecot}, {"cyrus", Cyrus}, {"courier", Courier}, {"(postfix", Postfix}, {"exim", Exim}, {"cpanel", CPanel}, {"plesk", Plesk}, {"parallels", Plesk},
	} {
		if strings.Contains(low, known.mark) && !slices.Contains(f.Software, known.name) {
			f.Software = append(f.Software, known.name)
		}
	}
}

// HearMessage takes in which program delivered a message: the topmost Received line is that of the server itself. It says
// whether that told something new.
func (f *Found) HearMessage(header []byte, exhibit string) bool {
	lines := textproto.NewReader(bufioReader(header))
	read, _ := lines.ReadMIMEHeader() // what could be read of it
	received := read.Get("Received")
	before := len(f.Software)
	if received == "" {
		return false
	}
	trial := Found{Software: slices.Clone(f.Software)}
	if trial.Hear("received", []byte(received), exhibit); len(trial.Software) > before {
		f.Said, f.Software = append(f.Said, trial.Said...), trial.Software
		return true
	}
	return false
}

func (f Found) is(name string) bool { return slices.Contains(f.Software, name) }

// unknown says whether none of these was found: then the words for all of them are printed.
func (f Found) unknown(names ...string) bool { return !slices.ContainsFunc(names, f.is) }

// A Task is one step of a runbook, for a person.
type Task struct {
	N     int                `json:"n"`
	Kind  string             `json:"kind"` // "password", "logs" …
	What  containment.Text   `json:"what"`
	Why   containment.Text   `json:"why"`
	Lines []containment.Text `json:"lines,omitempty"` // how, one below the other; a line that begins with "$ " is a command
}

// A Runbook is what a person does by hand, because IMAP does not do it.
type Runbook struct {
	V       int       `json:"v"` // 1
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Server  string    `json:"server"`
	Made    time.Time `json:"made"`
	Bundle  string    `json:"bundle,omitempty"` // what Found comes from
	Found   Found     `json:"found"`
	Tasks   []Task    `json:"tasks"`
}

const runbookVersion = 1

// NewRunbook writes the runbook that goes with a plan. plan is the path of the plan's file, which one of the steps applies, with
// the words that name the server in a command.
func NewRunbook(p containment.Plan, found Found, plan, reach string) Runbook {
	r := Runbook{V: runbookVersion, ID: p.ID, Account: p.Account, Server: p.Server, Made: p.Made, Bundle: p.Preserved.Bundle, Found: found}
	w := words{account: shellQuoted(p.Account), found: found, plan: shellQuoted(plan), reach: reach, mode: p.Mode}
	_, domain, _ := strings.Cut(p.Account, "@")
	w.domain = shellQuoted(domain)
	for _, s := range p.Steps {
		w.doveadm = w.doveadm || s.Kind == kindKick
	}
	w.steps = len(p.Steps)
	for _, task := range w.tasks() {
		task.N = len(r.Tasks) + 1
		r.Tasks = append(r.Tasks, task)
	}
	return r
}

// ErrRunbook says that a file is no runbook.
var ErrRunbook = errors.New("this is no runbook")

// Encode writes a runbook for machines.
func (r Runbook) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

// ParseRunbook reads what Encode wrote.
func ParseRunbook(file []byte) (Runbook, error) {
	var r Runbook
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRunbook, err)
	}
	if _, err := dec.Token(); r.V != runbookVersion || r.Account == "" || !errors.Is(err, io.EOF) {
		return r, fmt.Errorf("%w of this version", ErrRunbook)
	}
	return r, nil
}

// Task gives the step of a number.
func (r Runbook) Task(n int) (Task, bool) {
	for _, t := range r.Tasks {
		if t.N == n {
			return t, true
		}
	}
	return Task{}, false
}

// Markdown writes a runbook to be printed, with a box to tick for each step. Whatever came from the server or from a mailbox is
// written so that it stays text.
func (r Runbook) Markdown(language string) []byte {
	say := func(en, fr string) string { return text{EN: en, FR: fr}.In(language) }
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s %s\n\n", say("What is done by hand for", "Ce qui se fait à la main pour"), markdown(r.Account))
	fmt.Fprintf(&b, say("Server: %s. Made: %s. Plan: `%s`.", "Serveur : %s. Établie le %s. Plan : `%s`.")+"\n\n", markdown(r.Server), r.Made.UTC().Format("2006-01-02 15:04 UTC"), r.ID)
	b.WriteString(say("Tick each box, write the time beside it, and record it with the command below the step; entries are kept in the case's journal. Nothing here is done by the program.",
		"Cochez chaque case, notez l'heure à côté, et consignez-la avec la commande sous l'étape ; la main courante du dossier garde l'écriture. Le programme ne fait rien de ce qui suit.") + "\n\n")
	r.writeFound(&b, say)
	for _, t := range r.Tasks {
		fmt.Fprintf(&b, "- [ ] **%d.** %s  \n  *%s*\n", t.N, t.What.In(language), t.Why.In(language))
		writeLines(&b, t.Lines, language)
		fmt.Fprintf(&b, "\n  %s %s `mbaudit log add --step %d --informant \"%s\"`\n\n", say("Time: ________", "Heure : ________"), say(" Record:", " Consigner :"), t.N, say("YOUR NAME", "VOTRE NOM"))
	}
	return b.Bytes()
}

func (r Runbook) writeFound(b *bytes.Buffer, say func(en, fr string) string) {
	if len(r.Found.Said) == 0 {
		b.WriteString(say("No bundle of this account was there, so the words for all usual servers are below. Collect first, and plan again.",
			"Aucun scellé de ce compte n'était là : les termes de tous les serveurs courants figurent ci-dessous. Collectez d'abord, puis refaites le plan.") + "\n\n")
		return
	}
	recognised := strings.Join(r.Found.Software, ", ")
	if recognised == "" {
		recognised = say("nothing; the words for all usual servers are below", "rien ; les termes de tous les serveurs courants figurent ci-dessous")
	}
	fmt.Fprintf(b, say("Recognised in what the server says of itself: %s.", "Reconnu dans ce que le serveur dit de lui : %s.")+"\n\n", recognised)
	for _, s := range r.Found.Said {
		fmt.Fprintf(b, "- %s (%s): %s\n", markdown(s.What), markdown(s.Exhibit), markdown(s.Text))
	}
	b.WriteString("\n")
}

// writeLines writes the lines of a task: commands as code, which holds nothing but itself, all else as text.
func writeLines(b *bytes.Buffer, lines []containment.Text, language string) {
	code := false
	for _, each := range lines {
		command, ok := strings.CutPrefix(each.In(language), "$ ")
		switch {
		case ok && code:
			fmt.Fprintf(b, "      %s\n", command)
		case ok:
			fmt.Fprintf(b, "\n      %s\n", command)
		default:
			fmt.Fprintf(b, "\n  %s\n", command)
		}
		code = ok
	}
}

// markdown writes strange text so that it stays text.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range visible.Line(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|&~$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	// An address or a link in plain text would be made one to click on.
	return strings.NewReplacer("@", "&#64;", "://", ":&#47;&#47;", "www.", "www&#46;").Replace(b.String())
}

// shellQuoted writes a name for a shell, with what does not show as itself written out: such a name is typed by hand.
func shellQuoted(name string) string {
	shown := visible.Text(name)
	if shown != "" && strings.Trim(shown, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+-/=:,%") == "" {
		return shown
	}
	return "'" + strings.ReplaceAll(shown, "'", `'\''`) + "'"
}

// Tick is what the journal says of a step that was done.
func (t Task) Tick(language string) string {
	return text{EN: "runbook, step ", FR: "fiche, étape "}.In(language) + strconv.Itoa(t.N) + text{EN: ": ", FR: " : "}.In(language) + t.What.In(language)
}
