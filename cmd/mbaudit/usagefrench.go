package main

import (
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/phrase"
)

// What is wrong with a command line is said before any case is open, and so in the language that the environment asks for. The
// words before it, "mbaudit: error:" and "mbaudit: hint:", are promised to programs and stay. What is not in the list stays
// English; after a case is open its own language counts (see said).

// asksFrench says whether the environment asks for French: the first of LC_ALL, LC_MESSAGES and LANG that is set counts (POSIX).
func (t *terminal) asksFrench() bool {
	if t.getenv == nil {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := t.getenv(name); value != "" {
			return value == "fr" || strings.HasPrefix(value, "fr_") || strings.HasPrefix(value, "fr.")
		}
	}
	return false
}

// language is that of the case, or where there is none to be read, of the environment.
func (g *global) language(t *terminal) string {
	if dir, err := casefile.Find(g.caseDir, t.getenv("MBAUDIT_CASE")); err == nil {
		if c, err := casefile.Load(dir); err == nil {
			return c.Language
		}
	}
	if t.asksFrench() {
		return "fr"
	}
	return "en"
}

// inFrench says a usage error or its hint in French.
func inFrench(text string) string {
	for _, f := range frenchUsage() {
		if said, ok := f.Again(text, func(value string, _ bool) string { return value }); ok {
			return said
		}
	}
	return text
}

var frenchUsage = sync.OnceValue(func() []phrase.Form {
	var all []phrase.Form
	for _, pair := range usagePairs() {
		all = append(all, phrase.Compile(pair[0], pair[1]))
	}
	return all
})

// usagePairs are sentences in English and French, with the same values in the same order.
func usagePairs() [][2]string {
	return [][2]string{
		{"there is no command %s", "la commande %s n’existe pas"},
		{"there is no format %s", "le format %s n’existe pas"},
		{"there is no language %s", "la langue %s n’existe pas"},
		{"there is no audience %s", "le destinataire %s n’existe pas"},
		{"there is no rule %s", "la règle %s n’existe pas"},
		{"%s takes no %s", "%s n’accepte pas %s"},
		{"%s takes %s", "%s attend %s"},
		{"unknown flag: %s", "option inconnue : %s"},
		{"unknown shorthand flag: %s in %s", "option courte inconnue : %s dans %s"},
		{"flag needs an argument: %s", "cette option attend une valeur : %s"},
		{"invalid argument %s for %s flag: %s", "valeur %s refusée pour l’option %s : %s"},
		{"no case here", "aucun dossier d’affaire ici"},
		{"%s: no case here", "%s : aucun dossier d’affaire ici"},
		{"no file is named", "aucun fichier n’est nommé"},
		{"%s is there already", "%s existe déjà"},
		{"perhaps you mean: %s", "vouliez-vous dire : %s"},
		{"to see the commands, type: %s", "pour voir les commandes, tapez : %s"},
		{"to see what there is, type: %s", "pour voir ce qui existe, tapez : %s"},
		{"to see their names, type: %s", "pour voir leurs noms, tapez : %s"},
		{"open one with: %s   or name yours with: %s", "ouvrez-en un : %s   ou nommez le vôtre : %s"},
		{"type --format html, pdf, md or json", "tapez --format html, pdf, md ou json"},
		{"type --lang fr or --lang en", "tapez --lang fr ou --lang en"},
		{"type --audience cellule, police, cnil, assureur or partenaire", "tapez --audience cellule, police, cnil, assureur ou partenaire"},
		{"type: %s", "tapez : %s"},
	}
}
