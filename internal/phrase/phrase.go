package phrase

import (
	"regexp"
	"strings"
)

// A Form is a sentence in the language it is read in and in the one it is said in.
type Form struct {
	read *regexp.Regexp
	say  []string // what stands between the values
	ours []bool   // of each value: it is the program's own words as well
}

var (
	verb     = regexp.MustCompile(`%[sdv]`)
	anySpace = regexp.MustCompile(`[ \x{a0}\x{202f}]`)
	quotes   = strings.NewReplacer("'", "['’]", "’", "['’]")
)

// Compile makes a form of a sentence in two languages.
func Compile(from, to string) Form {
	f := Form{say: verb.Split(to, -1)}
	pattern := "^"
	pieces := verb.Split(from, -1)
	for i, v := range append(verb.FindAllString(from, -1), "") {
		pattern += anySpace.ReplaceAllString(regexp.QuoteMeta(pieces[i]), `[ \x{a0}\x{202f}]`)
		switch v {
		case "%d":
			pattern += `(-?\d+)`
		case "%s", "%v":
			pattern += `(.+?)`
		}
		if v != "" {
			f.ours = append(f.ours, v == "%v")
		}
	}
	f.read = regexp.MustCompile(quotes.Replace(pattern) + "$")
	return f
}

// Values is how many values the sentence has.
func (f Form) Values() int { return len(f.ours) }

// Again says text in the other language, if it is in this form. Each value goes through value, which is told whether it is in the
// program's own words.
func (f Form) Again(text string, value func(text string, ours bool) string) (string, bool) {
	values := f.read.FindStringSubmatch(text)
	if values == nil {
		return "", false
	}
	var b strings.Builder
	for i, piece := range f.say {
		b.WriteString(piece)
		if i < len(f.say)-1 {
			b.WriteString(value(values[i+1], f.ours[i]))
		}
	}
	return b.String(), true
}
