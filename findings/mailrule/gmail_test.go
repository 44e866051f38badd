package mailrule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tree writes a condition down in a short form.
func tree(c Condition) string {
	switch c.Op {
	case Test:
		s := string(c.Field)
		if len(c.Names) > 0 {
			s += "/" + strings.Join(c.Names, ",")
		}
		s += " " + string(c.Match)
		if c.Number != 0 {
			s += fmt.Sprint(" ", c.Number)
		}
		for _, v := range c.Values {
			s += " [" + v.Text + "]"
		}
		return s
	case All, Any, Not:
		var list []string
		for _, of := range c.Of {
			list = append(list, tree(of))
		}
		return string(c.Op) + "(" + strings.Join(list, "; ") + ")"
	}
	return string(c.Op)
}

func TestGmailQuery(t *testing.T) {
	for query, want := range map[string]string{
		`facture`:                       `text words [facture]`,
		`facture virement`:              `all(text words [facture]; text words [virement])`,
		`facture OR virement`:           `text words [facture] [virement]`,
		`{facture virement}`:            `text words [facture] [virement]`,
		`a OR b c`:                      `all(text words [a] [b]; text words [c])`,
		`a | b`:                         `text words [a] [b]`,
		`a AND b`:                       `all(text words [a]; text words [b])`,
		`"wire transfer"`:               `text words [wire transfer]`,
		`from:bob@x.example`:            `from/from words [bob@x.example]`,
		`from:(a OR b)`:                 `from/from words [a] [b]`,
		`from:(a b)`:                    `all(from/from words [a]; from/from words [b])`,
		`FROM:x`:                        `from/from words [x]`,
		`-from:bob`:                     `not(from/from words [bob])`,
		`-(a OR b)`:                     `not(text words [a] [b])`,
		`--a`:                           `not(text words [a])`,
		`- a`:                           `text words [a]`,
		`+a`:                            `text words [a]`,
		`subject:"Re: contract"`:        `subject/subject words [Re: contract]`,
		`has:attachment larger:10M`:     `all(attachment/has exists; size/larger over 10485760)`,
		`size:1000`:                     `size/size over 1000`,
		`smaller:5k`:                    `size/smaller under 5120`,
		`filename:pdf`:                  `attachment/filename words [pdf]`,
		`older_than:2d`:                 `date/older_than words [2d]`,
		`in:anywhere is:unread`:         `all(folder/in is [anywhere]; state/is is [unread])`,
		`label:work`:                    `folder/label is [work]`,
		`list:dev.example`:              `list/list words [dev.example]`,
		`rfc822msgid:1@x`:               `thread/rfc822msgid words [1@x]`,
		`deliveredto:me@corp.example`:   `to/deliveredto words [me@corp.example]`,
		`secret AROUND 5 birthday`:      `text near 5 [secret] [birthday]`,
		`(a`:                            `text words [a]`,
		`a)`:                            `text words [a]`,
		`"open`:                         `text words [open]`,
		`+`:                             `always`,
		`a -`:                           `text words [a]`,
		`from:`:                         `from/from words []`,
		`OR`:                            `always`,
		``:                              `always`,
		`foo:bar`:                       `text words [foo:bar]`,
		`http://x.example`:              `text words [http://x.example]`,
		`from: bob`:                     `from/from words [bob]`,
		`{from:a from:b} -{c d}`:        `all(from/from words [a] [b]; not(text words [c] [d]))`,
		`subject:(a -b)`:                `all(subject/subject words [a]; not(subject/subject words [b]))`,
		"fact\u0000ure":                 "text words [fact\u0000ure]",
		`from:{"a b" c} OR to:(d OR e)`: `any(from/from words [a b] [c]; to/to words [d] [e])`,
	} {
		c, notes := parseQuery(Value{Text: query}, Text)
		if got := tree(c); got != want {
			t.Errorf("%q: %s; expected %s", query, got, want)
		}
		if unknown := len(notes) > 0; unknown != (query == "foo:bar") {
			t.Errorf("%q: notes %v", query, notes)
		}
	}
}

func TestGmailWordsHaveTheirPlaces(t *testing.T) {
	source := `{"filter":[{"id":"x","criteria":{"subject":"\u0066acture ou VIREMENT","query":"d\u00e9j\u00e0 {\"bon de commande\"}"},"action":{"addLabelIds":["TRASH"]}}]}`
	set := ParseGmailFilters([]byte(source), GmailOptions{})
	s := set.Rules[0].Signals(Context{})
	var got []string
	for _, w := range s.Words {
		got = append(got, w.Text+"="+source[w.At.Start:w.At.End])
	}
	want := []string{`facture=\u0066acture`, `VIREMENT=VIREMENT`, `bon de commande=bon de commande`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
}

func TestGmailStatesWhatItDoesNotKnow(t *testing.T) {
	for source, want := range map[string]NoteKind{
		`{"filter":[{"id":"1","criteria":{"from":"a","mood":"bad"},"action":{"addLabelIds":["TRASH"]}}]}`:              UnknownCommand,
		`{"filter":[{"id":"1","criteria":{"from":"a"},"action":{"explode":true}}]}`:                                    UnknownCommand,
		`{"filter":[{"id":"1","criteria":{},"action":{"addLabelIds":["TRASH"]}}]}`:                                     Refused,
		`{"filter":[{"id":"1","criteria":{"from":"a"},"action":{"addLabelIds":["TRASH"]}}`:                             Syntax,
		`{"filter":[{"id":"1","criteria":{"query":"` + strings.Repeat("(", 40) + `a"},"action":{"forward":"x@y.z"}}]}`: TooDeep,
		"{\"filter\":[{\"id\":\"1\",\"criteria\":{\"from\":\"\xff\"},\"action\":{}}]}":                                 NotUTF8,
		`["filter"`: Syntax,
		`{"x":1}`:   UnknownCommand,
	} {
		set := ParseGmailFilters([]byte(source), GmailOptions{})
		notes := set.Notes
		for _, r := range set.Rules {
			notes = append(notes, r.Notes...)
		}
		if !slices.ContainsFunc(notes, func(n Note) bool { return n.Kind == want }) {
			t.Errorf("%.80q: notes %v, expected one of kind %s", source, notes, want)
		}
	}
}

// TestTricksMatchEverything: whatever the way to say it, all mail is all mail.
func TestTricksMatchEverything(t *testing.T) {
	owner := Context{Own: []string{"alice@corp.example"}}
	for criteria, want := range map[string]Reach{
		`{}`:                                   Everything,
		`{"query":""}`:                         Everything,
		`{"from":"*"}`:                         Everything,
		`{"from":"*@*"}`:                       Everything,
		`{"from":"@"}`:                         Everything,
		`{"query":"."}`:                        Everything,
		`{"size":0,"sizeComparison":"larger"}`: Everything,
		`{"query":"size:1"}`:                   Everything,
		`{"query":"size>0"}`:                   Everything,
		`{"query":"larger:1"}`:                 Everything,
		`{"query":"smaller:900M"}`:             Everything,
		`{"query":"-nosuchword"}`:              Everything,
		`{"negatedQuery":"from:nobody@nowhere.example"}`:     Everything,
		`{"from":"(a OR e OR i OR o OR u)"}`:                 Everything,
		`{"query":"from:{a b c d e f g h i}"}`:               Everything,
		`{"query":"is:unread"}`:                              Everything,
		`{"query":"in:inbox"}`:                               Everything,
		`{"to":"alice@corp.example"}`:                        Everything,
		`{"query":"has:attachment OR -has:attachment"}`:      Everything,
		`{"query":"newer_than:10y"}`:                         Everything,
		`{"from":"(com OR net OR org)"}`:                     Nearly,
		`{"query":"-has:attachment"}`:                        Nearly,
		`{"from":"bob@x.example"}`:                           Some,
		`{"query":"has:attachment"}`:                         Some,
		`{"query":"facture"}`:                                Some,
		`{"query":"size:1 facture"}`:                         Some,
		`{"query":"larger:20M"}`:                             Some,
		`{"to":"sales@corp.example"}`:                        Some,
		`{"query":"label:work"}`:                             Some,
		`{"query":"a secret AROUND 3 word"}`:                 Some,
		`{"from":"*","subject":"facture"}`:                   Some,
		`{"subject":"(a OR e OR i OR o OR u) -nosuchthing"}`: Everything,
	} {
		set := ParseGmailFilters([]byte(`{"filter":[{"criteria":`+criteria+`,"action":{"addLabelIds":["TRASH"]}}]}`), GmailOptions{})
		if got := set.Rules[0].Signals(owner).Reach; got != want {
			t.Errorf("%s: %s, expected %s (%s)", criteria, got, want, tree(set.Rules[0].Conditions))
		}
	}
}

func TestForwardingSwitchedOffIsNoRuleInForce(t *testing.T) {
	set := ParseGmailForwarding([]byte(`{"enabled":false,"emailAddress":"x@out.example","disposition":"leaveInInbox"}`))
	if len(set.Rules) != 1 || !set.Rules[0].Unreachable || set.Rules[0].Why != "off" {
		t.Errorf("%+v", set.Rules)
	}
	if set := ParseGmailForwarding([]byte(`{"enabled":false}`)); len(set.Rules) != 0 {
		t.Errorf("%+v", set.Rules)
	}
	set = ParseGmailForwarding([]byte(`{"enabled":true,"emailAddress":"x@out.example","disposition":"somethingNew"}`))
	if notes := set.Rules[0].Notes; len(notes) != 1 || notes[0].Kind != UnknownCommand {
		t.Errorf("%v", notes)
	}
}

// TestFiltersActTogether: one filter forwards, another trashes the same messages.
func TestFiltersActTogether(t *testing.T) {
	set := ParseGmailFilters([]byte(`{"filter":[
		{"id":"f","criteria":{"from":"bank.example","hasAttachment":true},"action":{"forward":"x@out.example"}},
		{"id":"t","criteria":{"from":"bank.example"},"action":{"addLabelIds":["TRASH"]}}]}`), GmailOptions{})
	if s := set.Rules[0].Signals(Context{}); !s.Trashes {
		t.Error("the forwarded messages are trashed by the other filter, and that is not said")
	}
	if s := set.Rules[1].Signals(Context{}); len(s.Forwards) != 0 {
		t.Error("not all trashed messages are forwarded, and that is said")
	}
}
