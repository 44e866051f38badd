package addresses

import (
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// TestJudge: whose an address is, seen from an organisation with two domains.
func TestJudge(t *testing.T) {
	b := NewBook([]string{"menuiserie-dulac.example", "Example.test", "gmail.com", "müller-bau.example", "ovh.example"})
	b.AddPerson("alice@example.test", "Alice Élodie Martin")
	ascii, _ := mailheader.DomainForms("menuiserie-dulас.example")
	if !strings.HasPrefix(ascii, "xn--") {
		t.Fatalf("%q is no A-label", ascii)
	}
	for address, want := range map[string]Class{
		"alice@example.test":                      Own,
		"x@mail.example.test":                     Own,
		"x@EXAMPLE.TEST":                          Own,
		"x@menuiserie-dulac.example":              Own,
		"x@menuiserie-du1ac.example":              LookAlike, // 1 for l
		"x@menuiserie-dulac.example2":             LookAlike, // another suffix
		"x@menuiserie-dulac.com":                  LookAlike,
		"x@menuiseriedulac.example":               LookAlike, // a hyphen less
		"x@menuiserie-duiac.example":              LookAlike,
		"x@menuiserie-dulac2.example":             LookAlike,
		"x@menuiserie-dulac-compta.example":       LookAlike,
		"x@compta-menuiserie-dulac.example":       LookAlike,
		"x@rnenuiserie-dulac.example":             LookAlike, // rn for m
		"x@menuiserie-dulас.example":              LookAlike, // two Cyrillic letters
		"x@muller-bau.example":                    LookAlike, // without its two points
		"x@ménuiserie-dulac.example":              LookAlike,
		"x@ovg.example":                           External, // too short to be told apart
		"x@client.example":                        External,
		"x@menuiserie-dupont.example":             External,
		"x@gmail.com":                             FreeMail, // never an own domain, whatever the case says
		"alice.martin@gmail.com":                  Private,
		"elodie.martin75@gmail.com":               Private,
		"martin@gmail.com":                        FreeMail,
		"x@yopmail.com":                           Disposable,
		"not an address":                          Unknown,
		"":                                        Unknown,
		"x@":                                      Unknown,
		"x@[192.0.2.1]":                           External,
		"\"a@b\"@example.test":                    Own,
		"x@example.test.evil.example":             External,
		"x@evilexample.test":                      External,
		"x@exmaple.test":                          LookAlike, // two letters swapped
		"x@examp1e.test":                          LookAlike,
		"x@menuiserie-dulac.example.evil.example": External,
		"x@" + ascii:                              LookAlike, // the Cyrillic ones in A-labels
	} {
		if got := b.Judge(address, "alice@example.test"); got.Class != want {
			t.Errorf("%q is %s (%s), want %s", address, got.Class, got.Like, want)
		}
	}
}

// TestConfusables: the two lists of letters belong together.
func TestConfusables(t *testing.T) {
	for r, want := range map[rune]string{'0': "o", '1': "i", 'l': "i", 'а': "a", 'о': "o", 'с': "c", 'ԁ': "d", 'ɡ': "g", 'ν': "v", 'α': "a", 'κ': "k", 'ʀ': "r", '3': "e", '5': "s"} {
		if got, ok := confusable(r); !ok || got != want {
			t.Errorf("%c looks like %q, want %q", r, got, want)
		}
	}
	if got, ok := confusable('b'); ok {
		t.Errorf("b looks like %q", got)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("x@xn--80ak6aa92e.com", "alice@example.test")
	f.Fuzz(func(t *testing.T, address, account string) {
		b := NewBook([]string{"example.test"})
		v := b.Judge(address, account)
		if v.Class == "" || v.Class == LookAlike && v.Like == "" {
			t.Errorf("%q: %+v", address, v)
		}
	})
}
