package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type askOptions struct {
	account, who, format, language string
	file, by                       string
	answers                        []string
	all                            bool
}

func newAskCommand(t *terminal, g *global) *cobra.Command {
	var opts askOptions
	cmd := &cobra.Command{
		Use:   "ask",
		Short: "the questionnaire for the people concerned, and their answers",
		Long: `ask prints what to ask, one line for each item: whether the person recognises what was
found, and what no log answers (money, activity, data). It needs the decision that
mbaudit qualify makes. Print it, mail it from outside the compromised system, or fill it in
while telephoning: put an x between the brackets.

With --answers FILE it reads the questionnaire back, with --answer ITEM=WORD single
answers, and writes each into the journal. mbaudit qualify then takes them into account.
What is recognised counts no more, and stays in the list.`,
		Example: `  mbaudit ask --for user > questions.txt
  mbaudit ask --answers questions.txt --by "M. Martin, accounting"
  mbaudit ask --answer F-3f2a90c1d4=recognised --answer Q-transfer=no --by "M. Martin"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runAsk(t, g, &opts) },
	}
	f := cmd.Flags()
	f.StringVar(&opts.account, "account", "", "only what is about this account")
	f.StringVar(&opts.who, "for", "", "only what is for: user, finance, business, dpo, legal or technical")
	f.BoolVar(&opts.all, "all", false, "what has been answered already, too")
	f.StringVar(&opts.format, "format", "text", "text or markdown")
	f.StringVar(&opts.language, "lang", "", "fr or en (default: the case's)")
	f.StringVar(&opts.file, "answers", "", "questionnaire that was filled in; - for standard input")
	f.StringArrayVar(&opts.answers, "answer", nil, "an answer: ITEM=recognised, ITEM='not recognised', ITEM=yes … (repeatable)")
	f.StringVar(&opts.by, "by", "", "who answered; with --answers and --answer")
	return cmd
}

func runAsk(t *terminal, g *global, opts *askOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	if opts.language == "" {
		opts.language = c.Language
	}
	switch {
	case opts.format != "text" && opts.format != "markdown":
		return usageError(fmt.Errorf("there is no format %q", opts.format), "type --format text or --format markdown")
	case opts.language != "fr" && opts.language != "en":
		return usageError(fmt.Errorf("there is no language %q", opts.language), "type --lang fr or --lang en")
	}
	var d decision.Decision
	if err := readDerived(c, decisionName, &d); err != nil {
		return err
	}
	if opts.file == "" && len(opts.answers) == 0 {
		if opts.by != "" {
			return usageError(errors.New("--by goes with answers"), "name them: --answers FILE or --answer ITEM=WORD")
		}
		return printQuestions(t, g, &d, opts)
	}
	return takeAnswers(t, g, c, &d, opts)
}

// readDerived reads a file that qualify wrote.
func readDerived(c *openCase, name string, v any) error {
	data, err := os.ReadFile(c.path(analysisName, name))
	if errors.Is(err, fs.ErrNotExist) {
		return usageError(errors.New("the case has not been qualified"), "type first: mbaudit qualify")
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return withHint(fmt.Errorf("reading %s: %w", name, err), "make it again: mbaudit qualify")
	}
	return nil
}

// toAsk picks the questions that were asked for.
func toAsk(d *decision.Decision, opts *askOptions) []decision.Question {
	return slices.DeleteFunc(slices.Clone(d.Questions), func(q decision.Question) bool {
		return !opts.all && q.Answer != "" || opts.who != "" && q.For != opts.who || opts.account != "" && q.Account != "" && !strings.EqualFold(q.Account, opts.account)
	})
}

func printQuestions(t *terminal, g *global, d *decision.Decision, opts *askOptions) error {
	questions := toAsk(d, opts)
	if g.json {
		return t.printJSON(questions)
	}
	words := func(english, french string) string { return decision.Text{FR: french, EN: english}.In(opts.language) }
	title, item := "", ""
	if opts.format == "markdown" {
		title, item = "# ", "- "
	}
	t.print("%s%s %s", title, words("Questionnaire, case", "Questionnaire, dossier"), escaped(d.Case, opts.format))
	t.print("%s", words("Put an x between the brackets of one answer on each line. Answer from memory; do not look into the mailbox.",
		"Mettre un x entre les crochets d'une réponse par ligne. Répondre de mémoire, sans ouvrir la boîte."))
	t.print("%s", words("Answered by: ", "Réponses de : "))
	t.print("")
	for _, q := range questions {
		boxes := words("[ ] recognised [ ] not recognised [ ] do not know", "[ ] reconnu [ ] non reconnu [ ] ne sait pas")
		if strings.HasPrefix(q.Item, "Q-") {
			boxes = words("[ ] yes [ ] no [ ] do not know", "[ ] oui [ ] non [ ] ne sait pas")
		}
		when := ""
		if !q.At.IsZero() {
			when = utc(q.At)
		}
		about := strings.Join(nonEmpty(q.Account, q.About.In(opts.language), q.Subject, when), ", ")
		t.print("%s%s: %s | %s | %s", item, q.Item, boxes, escaped(about, opts.format), escaped(q.Text.In(opts.language), opts.format))
	}
	return nil
}

// escaped makes text of a mailbox safe in a line of text or of Markdown.
func escaped(s, format string) string {
	s = visible.Cut(strings.ReplaceAll(s, "|", "/"), longestWords)
	if format != "markdown" {
		return s
	}
	return strings.NewReplacer("<", "&lt;", "`", "'", "[", "(", "]", ")", "*", `\*`, "_", `\_`, "!", `\!`).Replace(s)
}

// An answerLine is what was answered to one item.
type answerLine struct{ item, answer string }

// takeAnswers journals what was answered. Nothing is written unless all of it can be read.
func takeAnswers(t *terminal, g *global, c *openCase, d *decision.Decision, opts *askOptions) error {
	var result findings.Result
	if err := readDerived(c, findingsName, &result); err != nil {
		return err
	}
	lines, by, err := readAnswers(t, opts)
	if err != nil {
		return err
	}
	if opts.by == "" {
		opts.by = by
	}
	if strings.TrimSpace(opts.by) == "" {
		return usageError(errors.New("nobody is named who answered"), `say who: --by "M. Martin, accounting"`)
	}
	if len(lines) == 0 {
		return usageError(errors.New("no item was answered"), "put an x between the brackets of one answer: [x]")
	}
	for _, l := range lines {
		if !decision.ItemKnown(&result, l.item) {
			return usageError(fmt.Errorf("there is no item %s", visible.Text(l.item)), "see the items: mbaudit ask --all")
		}
	}
	for _, l := range lines {
		e := decision.AnswerEntry(l.item, l.answer, opts.by, aboutItem(d, l.item), t.now())
		e.Recorder = recorder(c)
		if _, err := c.journal.Append(e); err != nil {
			return fmt.Errorf("writing the journal: %w", err)
		}
	}
	if g.json {
		return t.printJSON(map[string]int{"answers": len(lines)})
	}
	t.print(c.words("%d answers written into the journal", "%d réponses inscrites dans la main courante"), len(lines))
	t.say("next: mbaudit qualify")
	return nil
}

func aboutItem(d *decision.Decision, item string) string {
	for _, q := range d.Questions {
		if q.Item == item {
			return strings.Join(nonEmpty(q.Account, q.About.EN, q.Subject), ", ")
		}
	}
	return "asked earlier"
}

// readAnswers reads the questionnaire and the flags; the flags are the later word.
func readAnswers(t *terminal, opts *askOptions) (lines []answerLine, by string, err error) {
	if opts.file != "" {
		if lines, by, err = readQuestionnaire(t, opts.file); err != nil {
			return nil, "", err
		}
	}
	for _, a := range opts.answers {
		item, word, ok := strings.Cut(a, "=")
		answer, err := decision.ParseAnswer(item, word)
		if !ok || err != nil {
			return nil, "", usageError(fmt.Errorf("--answer %s is no answer", visible.Text(a)), "type --answer F-…=recognised, 'not recognised' or 'does not know'; --answer Q-…=yes, no or 'does not know'")
		}
		lines = append(lines, answerLine{item, answer})
	}
	return lines, by, nil
}

// maxQuestionnaire bounds a file that somebody mailed back.
const maxQuestionnaire = 4 << 20

func readQuestionnaire(t *terminal, name string) ([]answerLine, string, error) {
	in := t.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, "", usageError(err, "name the questionnaire that was filled in: --answers FILE")
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	scanner := bufio.NewScanner(io.LimitReader(in, maxQuestionnaire))
	scanner.Buffer(nil, 1<<20)
	itemLine := regexp.MustCompile(`^[^A-Za-z]*((?:F-[0-9a-f]{10})|(?:Q-[a-z]+))\s*:\s*(.*)$`)
	var lines []answerLine
	by := ""
	for n := 1; scanner.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), "\uFEFF"))
		for _, label := range []string{"Answered by:", "Réponses de :", "Réponses de\u00a0:"} {
			if name, is := strings.CutPrefix(text, label); is {
				by = strings.TrimSpace(name)
			}
		}
		found := itemLine.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		answer, err := chosen(found[1], found[2])
		if err != nil {
			return nil, "", usageError(fmt.Errorf("line %d: %w", n, err), "put an x between the brackets of one answer, and of no other")
		}
		if answer != "" {
			lines = append(lines, answerLine{found[1], answer})
		}
	}
	return lines, by, scanner.Err()
}

// chosen reads which box of a line is marked, or the word that stands in their place; "" where nothing is.
func chosen(item, rest string) (string, error) {
	rest, _, _ = strings.Cut(rest, "|")
	box := regexp.MustCompile(`\[([^\]]*)\]\s*([^\[]*)`)
	boxes := box.FindAllStringSubmatch(rest, -1)
	if boxes == nil {
		if strings.TrimSpace(rest) == "" {
			return "", nil
		}
		return decision.ParseAnswer(item, rest)
	}
	answer := ""
	for _, b := range boxes {
		if strings.TrimSpace(b[1]) == "" {
			continue
		}
		if answer != "" {
			return "", fmt.Errorf("%s has two answers", item)
		}
		var err error
		if answer, err = decision.ParseAnswer(item, b[2]); err != nil {
			return "", err
		}
	}
	return answer, nil
}
