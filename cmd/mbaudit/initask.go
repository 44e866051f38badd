package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// knownKeys lists what can be answered about a case: the keys of case.yaml.
func knownKeys() string {
	var keys []string
	for _, q := range casefile.Questions() {
		keys = append(keys, q.Key)
	}
	return strings.Join(keys, ", ")
}

// setAnswers puts answers that were given as KEY=VALUE into a case, and gives the keys.
func setAnswers(c *casefile.Case, answers []string) ([]string, error) {
	var keys []string
	for _, answer := range answers {
		key, value, ok := strings.Cut(answer, "=")
		q, known := casefile.FindQuestion(strings.TrimSpace(key))
		if !ok || !known {
			return nil, usageError(fmt.Errorf("--set %q is no KEY=VALUE of a case", visible.Cut(answer, 100)), "the keys are: "+knownKeys())
		}
		if err := q.Set(c, value); err != nil {
			return nil, usageError(fmt.Errorf("--set %s: %w", q.Key, err), "correct it, or leave it out: nothing is mandatory")
		}
		keys = append(keys, q.Key)
	}
	return keys, nil
}

// askReporter asks, before anything is made, how the incident became known: it is the journal's first line.
func askReporter(ctx context.Context, t *terminal, words *openCase, answers <-chan string, opts *initOptions) error {
	t.say("%s", words.words("Nothing is mandatory: Enter leaves an answer open, a single dot leaves them all.",
		"Rien n’est obligatoire : Entrée laisse une réponse ouverte, un point seul les laisse toutes."))
	var stop error
	text := func(field *string) func(string) error {
		return func(answer string) error {
			if answer == "." {
				stop = errEnoughAsked
				return nil
			}
			*field = answer
			return nil
		}
	}
	if opts.informant == "" {
		if err := askOne(ctx, t, words, answers, question{words.words("Who detected or reported it (person or service): ", "Qui l’a détecté ou signalé (personne ou service) : "), false, text(&opts.informant)}); err != nil || stop != nil {
			return errors.Join(err, stop)
		}
	}
	if opts.report == "" {
		if err := askOne(ctx, t, words, answers, question{words.words("What they noticed, in their words: ", "Ce qui a été constaté, dans ses mots : "), false, text(&opts.report)}); err != nil || stop != nil {
			return errors.Join(err, stop)
		}
	}
	return nil
}

// errEnoughAsked says that a person wants no more questions.
var errEnoughAsked = errors.New("no more questions")

// askOpen asks what of a case is open, the early questions first, and gives the keys of those that were answered.
func askOpen(ctx context.Context, t *terminal, c *openCase, answers <-chan string) ([]string, error) {
	open := c.Open()
	slices.SortStableFunc(open, func(x, y casefile.Question) int {
		switch {
		case x.Early == y.Early:
			return 0
		case x.Early:
			return -1
		}
		return 1
	})
	var keys []string
	stopped := false
	for i, q := range open {
		if i > 0 && open[i-1].Early && !q.Early {
			t.say("%s", c.words("The rest can wait for the morning; a dot ends the questions.", "La suite peut attendre le matin ; un point met fin aux questions."))
		}
		err := askOne(ctx, t, c, answers, question{fmt.Sprintf("[%d/%d] %s%s", i+1, len(open), q.In(c.Language), c.words(": ", " : ")), false, func(answer string) error {
			if answer == "." {
				stopped = true
				return nil
			}
			if err := q.Set(&c.Case, answer); err != nil {
				return err
			}
			keys = append(keys, q.Key)
			return nil
		}})
		if stopped || errors.Is(err, errInputEnded) {
			return keys, nil
		}
		if err != nil {
			return keys, err
		}
	}
	return keys, nil
}

// keepAnswers journals which answers were given, and writes the case anew. The file that was there stays beside it.
func (c *openCase) keepAnswers(t *terminal, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := c.Check(); err != nil {
		return err
	}
	if err := c.note(journal.Information, c.words("answers about the case: ", "réponses sur l’affaire : ")+strings.Join(keys, ", "), map[string]string{"file": casefile.Name}); err != nil {
		return err
	}
	kept, err := casefile.Replace(c.dir, c.Case)
	if err != nil {
		return err
	}
	t.say(c.words("%d answers written; the case.yaml that was there is %s", "%d réponses écrites ; l’ancien case.yaml est %s"), len(keys), kept)
	return nil
}

// tellOpen says how much only people know that nobody has said yet.
func (c *openCase) tellOpen(t *terminal) {
	open := c.Open()
	if len(open) == 0 {
		return
	}
	var first []string
	for _, q := range open {
		if q.Early && len(first) < 4 {
			first = append(first, q.Key)
		}
	}
	list := ""
	if len(first) > 0 {
		list = " (" + strings.Join(first, ", ") + ", …)"
	}
	t.say(c.words("open, for people to say: %d%s; when there is time: mbaudit init --edit --case %s", "reste à dire par des personnes : %d%s ; quand le temps le permet : mbaudit init --edit --case %s"), len(open), list, shellQuote(c.dir))
}

// runInitEdit asks what is open in a case that is there, or takes the answers that were given.
func runInitEdit(ctx context.Context, t *terminal, g *global, opts *initOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	keys, err := setAnswers(&c.Case, opts.set)
	if err != nil {
		return err
	}
	if len(opts.set) == 0 && (!t.interactive || opts.noInput) {
		return usageError(errors.New("nobody is there to be asked"), "give the answers: mbaudit init --edit --set roles.dpo='Mme Roy, 01 …'   The keys are: "+knownKeys())
	}
	if len(opts.set) == 0 {
		if keys, err = askOpen(ctx, t, c, readLines(t)); err != nil {
			return err
		}
	}
	if err := c.keepAnswers(t, keys); err != nil {
		return err
	}
	c.tellOpen(t)
	return nil
}
