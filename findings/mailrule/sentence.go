package mailrule

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// Bounds of a sentence: a reader has to get to its end.
const (
	shownValues = 4
	shownParts  = 5
	shownWidth  = 60
)

// phrases are the words of one language.
type phrases struct {
	every, off, afterStop, unless, never, and, or, more, not, quote string
	verbs                                                           map[Kind]string
	parts                                                           map[string]string
	fields                                                          map[Field][2]string // "whose sender", and how it goes on when denied
	matches                                                         map[Match][2]string
}

func english() phrases {
	return phrases{
		every: "every message", off: " (switched off)", afterStop: " (never reached: an earlier rule ends the script)", never: " (its condition is never true)", unless: ", unless an earlier rule ended the script",
		and: " and ", or: " or ", more: "%d more", not: "not (%s)", quote: "\"%s\"",
		parts: map[string]string{"domain": "domain", "localpart": "part before the @", "user": "part before the +", "detail": "part after the +"},
		verbs: map[Kind]string{
			Keep: "leaves in the inbox", File: "moves to the folder %s", Label: "labels %s", SkipInbox: "takes out of the inbox", MarkRead: "marks as read",
			SetFlags: "sets the flag %s on", Trash: "moves to the trash", Discard: "deletes", Spam: "moves to spam", NeverSpam: "never takes for spam", Forward: "forwards to %s",
			Reject: "refuses with an answer", Reply: "answers automatically", Notify: "sends %s a notice of", Run: "hands to the program %s", EditHeader: "changes headers or text (%s) of",
			Snooze: "puts off", End: "does no more with", Mark: "marks (%s)", Unread: "does something not understood (%s) to",
		},
		fields: map[Field][2]string{
			From: {"whose sender", ""}, To: {"whose recipient", ""}, Subject: {"whose subject", ""}, Body: {"whose text", ""}, Text: {"which anywhere", ""}, Header: {"whose header %s", ""},
			List: {"whose mailing list header", ""}, InThread: {"whose conversation header", ""}, Attachment: {"whose attachment", ""}, Folder: {"whose folder or label", ""},
			State: {"whose state", ""}, SpamCheck: {"whose spam check", ""}, Other: {"for which the test %s", ""}, Date: {"whose date", ""}, Size: {"whose size", ""},
		},
		matches: map[Match][2]string{
			Contains: {"contains", "does not contain"}, Is: {"is", "is not"}, Glob: {"matches the pattern", "does not match the pattern"}, Regex: {"matches the expression", "does not match the expression"},
			HasWords: {"has the words", "does not have the words"}, Exists: {"is there", "is not there"}, Compares: {"compares with", "does not compare with"}, Near: {"has near each other", "does not have near each other"},
			Over: {"is over %d bytes", "is not over %d bytes"}, Under: {"is under %d bytes", "is not under %d bytes"},
		},
	}
}

func french() phrases {
	return phrases{
		every: "tout message", off: " (désactivée)", afterStop: " (jamais atteinte : une règle précédente termine le script)", never: " (sa condition n’est jamais vraie)", unless: ", sauf si une règle précédente a terminé le script",
		and: " et ", or: " ou ", more: "%d de plus", not: "pas (%s)", quote: "« %s »",
		parts: map[string]string{"domain": "domaine", "localpart": "partie avant le @", "user": "partie avant le +", "detail": "partie après le +"},
		verbs: map[Kind]string{
			Keep: "laisse dans la boîte de réception", File: "déplace dans le dossier %s", Label: "donne le libellé %s à", SkipInbox: "retire de la boîte de réception", MarkRead: "marque comme lu",
			SetFlags: "pose le marqueur %s sur", Trash: "met à la corbeille", Discard: "supprime", Spam: "met dans le spam", NeverSpam: "ne met jamais dans le spam", Forward: "transfère à %s",
			Reject: "refuse avec une réponse", Reply: "répond automatiquement à", Notify: "envoie à %s un avis sur", Run: "remet au programme %s", EditHeader: "modifie les en-têtes ou le texte (%s) de",
			Snooze: "met en attente", End: "ne fait plus rien de", Mark: "marque (%s)", Unread: "applique une action non comprise (%s) à",
		},
		fields: map[Field][2]string{
			From: {"dont l’expéditeur", ""}, To: {"dont le destinataire", ""}, Subject: {"dont l’objet", ""}, Body: {"dont le texte", ""}, Text: {"qui, n’importe où,", ""}, Header: {"dont l’en-tête %s", ""},
			List: {"dont l’en-tête de liste de diffusion", ""}, InThread: {"dont l’en-tête de conversation", ""}, Attachment: {"dont la pièce jointe", ""}, Folder: {"dont le dossier ou libellé", ""},
			State: {"dont l’état", ""}, SpamCheck: {"dont le contrôle antispam", ""}, Other: {"pour lequel le test %s", ""}, Date: {"dont la date", ""}, Size: {"dont la taille", ""},
		},
		matches: map[Match][2]string{
			Contains: {"contient", "ne contient pas"}, Is: {"est", "n’est pas"}, Glob: {"suit le motif", "ne suit pas le motif"}, Regex: {"suit l’expression", "ne suit pas l’expression"},
			HasWords: {"contient les mots", "ne contient pas les mots"}, Exists: {"est présent", "est absent"}, Compares: {"se compare à", "ne se compare pas à"}, Near: {"contient à proximité", "ne contient pas à proximité"},
			Over: {"dépasse %d octets", "ne dépasse pas %d octets"}, Under: {"est inférieure à %d octets", "n’est pas inférieure à %d octets"},
		},
	}
}

// sentence says what the rule does, in both languages.
func (r Rule) sentence() Sentence {
	return Sentence{EN: english().rule(r, copyEN), FR: french().rule(r, copyFR)}
}

func copyEN(a Action) string {
	switch {
	case a.Kind == Forward && a.Copy:
		return ", keeping a copy,"
	case a.Kind == Forward:
		return ", keeping no copy,"
	case a.Kind == File && a.Copy:
		return " as a copy"
	case a.Read && (a.Kind == File || a.Kind == Keep):
		return " as read"
	}
	return ""
}

func copyFR(a Action) string {
	switch {
	case a.Kind == Forward && a.Copy:
		return " en gardant une copie"
	case a.Kind == Forward:
		return " sans garder de copie"
	case a.Kind == File && a.Copy:
		return " en copie"
	case a.Read && (a.Kind == File || a.Kind == Keep):
		return " comme lu"
	}
	return ""
}

func (p phrases) rule(r Rule, suffix func(Action) string) string {
	var verbs []string
	for i, a := range r.Actions {
		if len(r.Actions) > 1 && a.Kind == Keep && !a.Read {
			continue
		}
		if i >= 2*shownParts {
			verbs = append(verbs, fmt.Sprintf(p.more, len(r.Actions)-i))
			break
		}
		verb := p.verbs[a.Kind]
		if a.Kind == SetFlags && a.Read {
			verb = p.verbs[MarkRead]
		}
		if strings.Contains(verb, "%s") {
			verb = fmt.Sprintf(verb, p.values(a.Values, p.or))
		}
		verbs = append(verbs, verb+suffix(a))
	}
	if len(verbs) == 0 {
		verbs = append(verbs, p.verbs[Keep])
	}
	s := listed(verbs, p.and) + " " + p.every
	if c := p.condition(r.Conditions, false, 0); c != "" {
		s += " " + c
	}
	switch {
	case !r.Unreachable:
		if len(r.Unless) > 0 {
			s += p.unless
		}
	case r.Why == "off":
		s += p.off
	case r.Why == "after-stop":
		s += p.afterStop
	default:
		s += p.never
	}
	return visible.Line(s)
}

// listed joins with commas and a last word.
func listed(list []string, last string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	head := strings.Join(list[:len(list)-1], ", ")
	return strings.ReplaceAll(head+last+list[len(list)-1], ",,", ",")
}

func (p phrases) values(values []Value, or string) string {
	var list []string
	for i, v := range values {
		if i == shownValues && len(values) > shownValues+1 {
			list = append(list, fmt.Sprintf(p.more, len(values)-i))
			break
		}
		list = append(list, fmt.Sprintf(p.quote, visible.Cut(v.Text, shownWidth)))
	}
	return listed(list, or)
}

// condition says when, as clauses after "every message".
func (p phrases) condition(c Condition, negated bool, depth int) string {
	switch c.Op {
	case Never:
		return p.never
	case Not:
		return p.condition(c.Of[0], !negated, depth)
	case All, Any:
		return p.group(c, negated, depth)
	case Unknown:
		if p.and == " and " {
			return "under a condition that was not understood"
		}
		return "sous une condition non comprise"
	case Test:
		return p.test(c, negated)
	}
	return ""
}

func (p phrases) group(c Condition, negated bool, depth int) string {
	word := p.and
	if (c.Op == Any) != negated { // none of a and b: not a and not b
		word = p.or
	}
	var list []string
	for i, of := range c.Of {
		if i == shownParts && len(c.Of) > shownParts+1 || depth > 3 {
			list = append(list, fmt.Sprintf(p.more, len(c.Of)-i))
			break
		}
		if text := p.condition(of, negated, depth+1); text != "" {
			list = append(list, text)
		}
	}
	s := listed(list, word)
	if depth > 0 && len(list) > 1 {
		s = "(" + s + ")"
	}
	return s
}

func (p phrases) test(c Condition, negated bool) string {
	english := p.and == " and "
	side := 0
	if negated {
		side = 1
	}
	if c.Field == Attachment && c.Match == Exists {
		if english {
			return [2]string{"that has an attachment", "that has no attachment"}[side]
		}
		return [2]string{"qui a une pièce jointe", "qui n’a pas de pièce jointe"}[side]
	}
	field := p.fields[c.Field][0]
	if strings.Contains(field, "%s") {
		names := make([]Value, len(c.Names))
		for i, n := range c.Names {
			names[i] = Value{Text: n}
		}
		field = fmt.Sprintf(field, p.values(names, p.or))
	}
	if part := p.parts[c.Part]; part != "" {
		field += " (" + part + ")"
	}
	match := p.matches[c.Match][side]
	switch {
	case strings.Contains(match, "%d"):
		return field + " " + fmt.Sprintf(match, c.Number)
	case len(c.Values) == 0:
		return field + " " + match
	}
	return field + " " + match + " " + p.values(c.Values, p.or)
}
