package mailrule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// brief writes the rules of a set down: actions, and when.
func brief(set Set) string {
	var lines []string
	for _, r := range set.Rules {
		var acts []string
		for _, a := range r.Actions {
			s := string(a.Kind)
			for _, v := range a.Values {
				s += " " + v.Text
			}
			if a.Read {
				s += " +read"
			}
			if a.Copy {
				s += " +copy"
			}
			acts = append(acts, s)
		}
		line := strings.Join(acts, ", ") + " IF " + tree(r.Conditions)
		if r.Unreachable {
			line += " NEVER " + r.Why
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestSieveRules(t *testing.T) {
	for script, want := range map[string]string{
		`if true { discard; }`: `discard IF always`,
		`if header :contains ["from","subject"] "x" { discard; }`:                                   `discard IF any(from/from contains [x]; subject/subject contains [x])`,
		`if not exists "x-a" { keep; } elsif size :over 1K { discard; } else { redirect "a@b.c"; }`: "keep IF not(header/x-a exists)\ndiscard IF all(header/x-a exists; size over 1024)\nforward a@b.c IF not(any(not(header/x-a exists); size over 1024))",
		`redirect "a@b.c"; stop; discard;`:                                                          "forward a@b.c IF always\ndiscard IF always NEVER after-stop",
		`if size :over 1 { stop; } if size :over 1 { discard; }`:                                    "end IF size over 1\ndiscard IF size over 1 NEVER after-stop",
		`if size :over 1 { stop; } else { stop; } discard;`:                                         "end IF size over 1\nend IF not(size over 1)\ndiscard IF always NEVER after-stop",
		`if false { discard; }`:                                                                     "discard IF never NEVER never-true",
		`require "variables"; set "a" "x@"; if size :over 1 { set "a" "y@"; } redirect "${a}b.c";`:  "forward y@b.c x@b.c IF always",
		`require "variables"; set "a" "X@B.C"; set :lower "b" "${a}"; redirect "${b}";`:             "forward x@b.c IF always",
		`require "variables"; redirect "${nothing}a@b.c";`:                                          "forward a@b.c IF always",
		`require "variables"; set "on" "1"; if string :is "${on}" "1" { discard; } else { keep; }`:  "discard IF always\nkeep IF never NEVER never-true",
		`redirect "${a}";`: "forward ${a} IF always",
		`require "variables"; if header :matches "subject" "*" { redirect "${1}@b.c"; }`:                                            "forward ${1}@b.c IF subject/subject matches [*]",
		`require ["imap4flags","fileinto"]; addflag "\\Seen"; fileinto "A";`:                                                        "set-flags \\Seen +read, file A +read IF always",
		`require ["imap4flags","fileinto"]; setflag ["\\Seen","x"]; removeflag "\\seen"; fileinto "A";`:                             "set-flags \\Seen x +read, file A IF always",
		`require ["imap4flags","fileinto","variables"]; set "f" "\\Seen"; fileinto :flags "${f}" "A";`:                              "file A +read IF always",
		`require ["fileinto","copy","mailbox"]; fileinto :copy :create "A";`:                                                        "file A +copy IF always",
		`require "enotify"; notify :importance "1" "mailto:a%40b.c?subject=x";`:                                                     "notify a@b.c IF always",
		`require "notify"; notify :method "mailto" :options ["a@b.c"] :message "x";`:                                                "notify a@b.c IF always",
		`require "imapflags"; mark; keep;`:                                                                                          "set-flags \\Flagged, keep IF always",
		`require "encoded-character"; redirect "a${hex:40}b${unicode:2e}c";`:                                                        "forward a@b.c IF always",
		`require "vnd.dovecot.execute"; if execute "prog" ["x"] { discard; }`:                                                       "run prog x IF always\ndiscard IF other/execute is",
		"redirect text:\r\na@b.c\r\n..x\r\n.\r\n;":                                                                                  "forward a@b.c\r\n.x\r\n IF always",
		"# c\n/* d */ if anyof(true, false) { keep /* x */ ; }":                                                                     "keep IF always",
		`if allof(header :is "x" "a", not header :is "x" "b") { discard; }`:                                                         "discard IF all(header/x is [a]; not(header/x is [b]))",
		`if address :domain "from" ["a.b","c.d"] { discard; }`:                                                                      "discard IF from/from is [a.b] [c.d]",
		`if header :count "ge" "received" "1" { discard; }`:                                                                         "discard IF header/received compares [1]",
		`require ["special-use","fileinto"]; fileinto :specialuse "\\Trash" "Foo";`:                                                 "file Foo \\Trash IF always",
		`if true { if true { if size :over 5 { discard; } } }`:                                                                      "discard IF size over 5",
		`require "foreverypart"; foreverypart { if header :mime :contains "Content-Disposition" "attachment" { discard; break; } }`: "discard IF attachment/Content-Disposition contains [attachment]",
	} {
		set := ParseSieve([]byte(script), SieveOptions{})
		if got := brief(set); got != want {
			t.Errorf("%s\n got %s\nwant %s", script, got, want)
		}
	}
}

func TestSieveStatesWhatItDoesNotKnow(t *testing.T) {
	deep := strings.Repeat("if true { ", 40) + "discard;" + strings.Repeat("}", 40)
	for script, want := range map[string]NoteKind{
		`require "vnd.acme.x"; keep;`:                       UnknownExtension,
		`teleport "x";`:                                     UnknownCommand,
		`if telepathy "x" { discard; }`:                     UnknownCommand,
		`redirect :fast "a@b.c";`:                           UnknownCommand,
		`require "regex"; if header :regex "a" "(" {keep;}`: UnknownCommand,
		`fileinto "x";`:                                     NotRequired,
		`if header :regex "a" "b" { keep; }`:                NotRequired,
		`keep`:                                              Syntax,
		`keep; }`:                                           Syntax,
		`if true { discard;`:                                Syntax,
		`else { discard; }`:                                 Syntax,
		`redirect "a@b.c`:                                   Syntax,
		`redirect;`:                                         Syntax,
		`/* discard;`:                                       Syntax,
		`if header "x" { discard; }`:                        Syntax,
		`é;`:                                                Syntax,
		deep:                                                TooDeep,
		"if " + strings.Repeat("not ", 50) + "true {}":        TooDeep,
		strings.Repeat("keep;\n", maxCommands+1):              TooLarge,
		strings.Repeat(`if size :over 1 {keep;}`, maxRules+1): TooLarge,
		strings.Repeat("#\n", maxSource/2+1):                  TooLarge,
		`require "include"; include "x";`:                     NotIncluded,
		`require "variables"; redirect "${1}@b.c";`:           NotConstant,
		"redirect \"\xff@b.c\";":                              NotUTF8,
		`require "variables"; set "a" "` + strings.Repeat("x", 3000) + `"; set "a" "${a}${a}"; redirect "${a}";`: "",
	} {
		set := ParseSieve([]byte(script), SieveOptions{})
		notes := set.Notes
		for _, r := range set.Rules {
			notes = append(notes, r.Notes...)
		}
		if want == "" {
			continue
		}
		if !slices.ContainsFunc(notes, func(n Note) bool { return n.Kind == want }) {
			t.Errorf("%.60q: notes %.200v, expected one of kind %s", script, notes, want)
		}
	}
}

// TestReadingGoesOnAfterAnError: what stands behind a mistake is still seen.
func TestReadingGoesOnAfterAnError(t *testing.T) {
	set := ParseSieve([]byte("require [\"copy\";\nif header ( { keep; }\nredirect :copy \"x@out.example\";"), SieveOptions{})
	if !strings.Contains(brief(set), "forward x@out.example +copy IF always") {
		t.Errorf("%s\n%v", brief(set), set.Notes)
	}
}

func TestIncludes(t *testing.T) {
	scripts := map[string]string{
		"personal:a": `require "include"; include :personal "a"; redirect "x@out.example"; return;`,
		"global:g":   `if size :over 1 { discard; stop; }`,
	}
	options := SieveOptions{Include: func(location, name string) ([]byte, bool) {
		s, ok := scripts[location+":"+name]
		return []byte(s), ok
	}}
	set := ParseSieve([]byte(`require "include"; include "a"; keep; include :global "g"; if size :over 1 { keep; }`), options)
	want := "forward x@out.example IF always\nkeep IF always\ndiscard IF size over 1\nkeep IF size over 1 NEVER after-stop"
	if got := brief(set); got != want {
		t.Errorf("got %s", got)
	}
	notes := set.Notes
	for _, r := range set.Rules {
		notes = append(notes, r.Notes...)
	}
	if len(notes) != 1 || notes[0].Kind != NotIncluded {
		t.Errorf("a script that includes itself: %v", notes)
	}
}

func TestRulesHaveTheNamesThatTheWebmailGave(t *testing.T) {
	set := ParseSieve([]byte("require \"fileinto\";\n# rule:[Factures]\nif size :over 1\n{\n\tfileinto \"A\";\n}\n# rule:[.]\nif size :over 2\n{\n\tdiscard;\n}\n"), SieveOptions{})
	if set.Generator != "roundcube" || set.Rules[0].Name != "Factures" || set.Rules[1].Name != "." {
		t.Errorf("%s %q %q", set.Generator, set.Rules[0].Name, set.Rules[1].Name)
	}
}

func TestSieveWordsHaveTheirPlaces(t *testing.T) {
	script := `require ["variables","encoded-character"]; set "w" "fac\ture"; if header :contains "subject" ["${w}", "x v${hex:69}rement", "Überweisung"] { discard; }`
	set := ParseSieve([]byte(script), SieveOptions{})
	var got []string
	for _, w := range set.Rules[0].Signals(Context{}).Words {
		got = append(got, fmt.Sprintf("%s=%s", w.Text, script[w.At.Start:w.At.End]))
	}
	want := []string{`facture=fac\ture`, `virement=v${hex:69}rement`, `Überweisung=Überweisung`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
}

// TestDisguises: letters of other scripts, letters that do not show, patterns and expressions are known for what they find.
func TestDisguises(t *testing.T) {
	for test, want := range map[string]string{
		`:contains "subject" "FACTURE"`:                                      "money invoice",
		`:contains "subject" "nvoic"`:                                        "money invoice",
		`:contains "subject" "fаcturе"`:                                      "money invoice disguised",
		"':contains' 'subject' 'fac\u200bture'":                              "money invoice disguised",
		"':contains' 'subject' '\uff46\uff41\uff43\uff54\uff55\uff52\uff45'": "money invoice disguised",
		`:matches "subject" "*inv?ice*"`:                                     "money invoice",
		`:matches "subject" "*virement*"`:                                    "money payment",
		`:regex "subject" "v[iî]re?ment"`:                                    "money payment",
		`:regex "subject" ".*"`:                                              "",
		`:matches "subject" "*"`:                                             "",
		`:contains "subject" "Monatsrechnung"`:                               "money invoice",
		`:contains "subject" "Berechnung"`:                                   "",
		`:contains "subject" "Erzählung"`:                                    "",
		`:contains "subject" "manufacturer"`:                                 "",
		`:contains "subject" "ribbon"`:                                       "",
		`:contains "subject" "avis de recherche"`:                            "",
		`:contains "subject" "mot de passe"`:                                 "security password",
		`:contains "subject" "contraseña"`:                                   "security password",
		`:contains "subject" "Mailer-Daemon"`:                                "security bounce",
		`:contains "subject" "Re: facture"`:                                  "thread reply, money invoice",
	} {
		test = strings.ReplaceAll(strings.ReplaceAll(test, "':contains'", ":contains"), "'", `"`)
		set := ParseSieve([]byte(`require "regex"; if header `+test+` { discard; }`), SieveOptions{})
		s := set.Rules[0].Signals(Context{})
		var got []string
		for _, w := range s.Words {
			got = append(got, string(w.Class)+" "+w.Kind)
		}
		line := strings.Join(got, ", ")
		if len(s.Disguised) > 0 {
			line += " disguised"
		}
		if line != want {
			t.Errorf("%s: %q, expected %q", test, line, want)
		}
	}
}

func TestFolders(t *testing.T) {
	for name, want := range map[string]FolderKind{
		"INBOX": Inbox, "INBOX.Factures": PlainFolder, "Comptabilité/2026": PlainFolder, "RSS": OddFolder, "INBOX/RSS Feeds": OddFolder, "INBOX.RSS": OddFolder,
		"Conversation History": OddFolder, "Historique des conversations": OddFolder, ".": OddFolder, "..": OddFolder, "a": OddFolder, "\u200b": OddFolder, "": OddFolder,
		"---": OddFolder, ".cache": OddFolder, "Corbeille": TrashFolder, "Éléments supprimés": TrashFolder, "Gelöschte Elemente": TrashFolder, `\Trash`: TrashFolder,
		"Courrier indésirable": JunkFolder, `\Junk`: JunkFolder, "Archive": ArchivePlace, "Notes": OddFolder, "Notes de frais": PlainFolder, "Аrchiv": OddFolder, "Kunden/Müller": PlainFolder,
	} {
		if got := folderKind(name); got != want {
			t.Errorf("%q: %s, expected %s", name, got, want)
		}
	}
}

func TestSentences(t *testing.T) {
	set := ParseGmailFilters([]byte(`{"filter":[{"criteria":{"from":"bank.example","hasAttachment":true},"action":{"addLabelIds":["TRASH"]}}]}`), GmailOptions{})
	want := Sentence{
		EN: `moves to the trash every message whose sender has the words "bank.example" and that has an attachment`,
		FR: "met à la corbeille tout message dont l’expéditeur contient les mots « bank.example » et qui a une pièce jointe",
	}
	if got := set.Rules[0].Explains; got != want {
		t.Errorf("%+v", got)
	}
	set = ParseSieve([]byte("require [\"fileinto\",\"copy\"]; if anyof(address :domain \"from\" \"a.example\", not header :contains \"subject\" \"\x1b[2J\u202e\") { redirect :copy \"x@out.example\"; fileinto \"A\"; stop; } discard;"), SieveOptions{})
	want = Sentence{
		EN: `forwards to "x@out.example", keeping a copy, and moves to the folder "A" every message whose sender (domain) is "a.example" or whose subject does not contain "\u{001B}[2J\u{202E}"`,
		FR: `transfère à « x@out.example » en gardant une copie et déplace dans le dossier « A » tout message dont l’expéditeur (domaine) est « a.example » ou dont l’objet ne contient pas « \u{001B}[2J\u{202E} »`,
	}
	if got := set.Rules[0].Explains; got != want {
		t.Errorf("%+v", got)
	}
	if got := set.Rules[1].Explains.FR; got != "supprime tout message, sauf si une règle précédente a terminé le script" {
		t.Errorf("%s", got)
	}
}

// TestEveryWordIsTranslated: no kind of action, field or comparison is without words in either language.
func TestEveryWordIsTranslated(t *testing.T) {
	for name, p := range map[string]phrases{"en": english(), "fr": french()} {
		for _, k := range []Kind{Keep, File, Label, SkipInbox, MarkRead, SetFlags, Trash, Discard, Spam, NeverSpam, Forward, Reject, Reply, Notify, Run, EditHeader, Snooze, Mark, End, Unread} {
			if p.verbs[k] == "" {
				t.Errorf("%s has no words for the action %s", name, k)
			}
		}
		for _, f := range []Field{From, To, Subject, Body, Text, Header, List, InThread, Size, Attachment, Date, Folder, State, SpamCheck, Other} {
			if p.fields[f][0] == "" {
				t.Errorf("%s has no words for the field %s", name, f)
			}
		}
		for _, m := range []Match{Contains, Is, Glob, Regex, HasWords, Exists, Over, Under, Compares, Near} {
			if p.matches[m][0] == "" || p.matches[m][1] == "" {
				t.Errorf("%s has no words for the comparison %s", name, m)
			}
		}
	}
}

// TestLookalikes: the list of pairs is a list of pairs.
func TestLookalikes(t *testing.T) {
	for _, pair := range [][2]rune{{'а', 'a'}, {'с', 'c'}, {'р', 'p'}, {'і', 'i'}, {'ο', 'o'}, {'ѕ', 's'}, {'օ', 'o'}, {'ᴢ', 'z'}, {'ω', 'w'}, {'ц', 'u'}} {
		if got := latinLookalike(pair[0]); got != pair[1] {
			t.Errorf("%c is taken for %q, expected %q", pair[0], got, pair[1])
		}
	}
	if got := latinLookalike('a'); got != 0 {
		t.Errorf("a is itself, and is taken for %q", got)
	}
}
