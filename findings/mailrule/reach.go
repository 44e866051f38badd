package mailrule

import (
	"fmt"
	"strings"
	"unicode"
)

// Reach is how much of ordinary mail a rule applies to.
type Reach string

const (
	Some       Reach = "some"
	Nearly     Reach = "nearly" // at least three messages of five
	Everything Reach = "everything"
)

// truth is the answer of a test on a message.
type truth int8

const (
	no      truth = -1
	unknown truth = 0
	yes     truth = 1
)

// sample is an ordinary message. Whether a rule applies to everything is found out by asking it about messages that have
// nothing in common, which sees through every trick: empty texts, lone letters, patterns, sizes, exclusions of words that
// no message has.
type sample struct {
	headers    map[string]string // lower-case names
	body       string
	size       int64
	attachment bool
}

const sampleRecipient = "recipient@mailbox.example"

// samples are the messages. None is about money or security, none is spam; four in ten senders end in other than ".com".
func samples(own []string) []sample {
	to := sampleRecipient
	if len(own) > 0 {
		to = own[0]
	}
	out := make([]sample, 0, 20)
	for i, m := range [][3]string{
		{"Alice Martin <alice.martin@north-garden.com>", "Meeting on Thursday", "Hello, shall we meet at ten in the small room? Best wishes"},
		{"bob@quarry.io", "photos", "here are the photos from Sunday"},
		{"\"Chen, Wei\" <w.chen@lab.edu>", "Draft of chapter 3", "Please find the new draft below. Comments are welcome."},
		{"Service Jardin <contact@jardin-des-lilas.fr>", "Votre commande de graines est prête", "Bonjour, vous pouvez venir la chercher au magasin."},
		{"Zoë Grün <zoe@werkstatt-sued.de>", "Termin am Montag", "Guten Tag, passt Ihnen Montag um neun Uhr? Viele Grüße"},
		{"Kim <kim1987@mailfree.com>", "lunch", "noodles?"},
		{"Press Office <press@city-museum.org>", "Opening hours this summer", "The museum opens at eleven from June on."},
		{"Lucía <lucia@escuela-mar.es>", "Excursión del viernes", "Buenos días, salimos a las ocho."},
		{"Giulia Verdi <gverdi@studio-luce.it>", "Nuovi disegni", "Buongiorno, ecco i nuovi disegni."},
		{"Tom Hughes <tom.hughes@skyline-travel.com>", "Itinerary for the Lisbon trip", "The train leaves at 7:40. Seats 12 and 13."},
		{"Sunita Rao <sunita@kiteworks-design.com>", "Logo, second version", "I made the kite a little bigger."},
		{"jumpy-fox@chat-forum.net", "Someone answered you", "There is a new answer in the topic on bicycles."},
		{"The Baker <hello@bread-and-butter.com>", "Rye bread is back", "From Tuesday on we bake rye bread again."},
		{"Olga Novak <onovak@river-clinic.com>", "Visiting hours", "You may visit between two and six."},
		{"d.kowalski@uni-krak.pl", "Prezentacja", "W zalaczniku prezentacja na jutro."},
		{"Emma <emma@thirdfloor.com>", "keys", "I left the keys with Paul."},
		{"Harbour Choir <choir@harbour-choir.com>", "Rehearsal moved to Wednesday", "We sing at eight, as ever."},
		{"Victor Hugo Diaz <vdiaz@mapmakers.com>", "Map of the valley", "The new map is on the shelf."},
		{"Yuki <yuki@tea-house.jp>", "Spring tea", "The first leaves came in this morning."},
		{"Pat <pat@pat-and-sons.com>", "Roof", "We can start on the roof next week if it stays dry."},
	} {
		address := m[0]
		if open := strings.LastIndexByte(address, '<'); open >= 0 {
			address = strings.Trim(address[open:], "<>")
		}
		s := sample{body: m[2], size: 3_000 + int64(i)*7_919, attachment: i%4 == 2, headers: map[string]string{
			"from": m[0], "to": to, "subject": m[1], "date": "Tue, 13 Jan 2026 10:" + fmt.Sprint(10+i) + ":00 +0100", "message-id": "<" + fmt.Sprint(1000+i) + address + ">",
			"return-path": "<" + address + ">", "delivered-to": to, "received": "from mx.example by mx.example", "mime-version": "1.0", "content-type": "text/plain; charset=utf-8",
			"envelope-from": address, "envelope-to": to,
		}}
		if s.attachment {
			s.size += 900_000
			s.headers["content-type"] = "multipart/mixed; boundary=x"
		}
		if i%5 == 1 {
			s.headers["list-id"] = "<list." + address[strings.IndexByte(address, '@')+1:] + ">"
		}
		out = append(out, s)
	}
	return out
}

// reach asks the condition about the samples. timed says that it also wants a time.
func reach(c Condition, own []string) (r Reach, timed bool) {
	e := &evaluator{budget: 20_000}
	list := samples(own)
	hits := 0
	for i := range list {
		if e.holds(c, &list[i]) == yes {
			hits++
		}
	}
	switch {
	case hits == len(list):
		r = Everything
	case hits*5 >= len(list)*3:
		r = Nearly
	default:
		r = Some
	}
	return r, e.timed
}

// evaluator answers tests. Once its budget is spent it answers "unknown".
type evaluator struct {
	budget int
	timed  bool
}

func (e *evaluator) holds(c Condition, m *sample) truth {
	if e.budget--; e.budget < 0 {
		return unknown
	}
	switch c.Op {
	case Always:
		return yes
	case Never:
		return no
	case Not:
		return -e.holds(c.Of[0], m)
	case All:
		out := yes
		for _, of := range c.Of {
			if out = min(out, e.holds(of, m)); out == no || e.budget < 0 {
				break
			}
		}
		return out
	case Any:
		out := no
		for _, of := range c.Of {
			if out = max(out, e.holds(of, m)); out == yes || e.budget < 0 {
				break
			}
		}
		return out
	case Test:
		return e.test(c, m)
	}
	return unknown
}

func (e *evaluator) test(c Condition, m *sample) truth {
	switch c.Field {
	case Size:
		return truthOf(c.Match == Over && m.size > c.Number || c.Match == Under && m.size < c.Number)
	case Date: // a rule that waits for its time applies to everything then
		e.timed = true
		return yes
	case Folder:
		return inFolder(c)
	case State:
		return stateOf(c)
	case Attachment:
		return e.attachment(c, m)
	case SpamCheck:
		if c.Match == Exists {
			return no
		}
		if len(c.Names) > 0 && (c.Names[0] == "spamtest" || c.Names[0] == "virustest") {
			return unknown
		}
	case Other:
		if len(c.Names) > 0 && (c.Names[0] == "ihave" || c.Names[0] == "mailboxexists") {
			return yes
		}
		return unknown
	}
	return e.compare(c, m)
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// inFolder: a filter sees a message as it comes in.
func inFolder(c Condition) truth {
	for _, v := range c.Values {
		switch strings.ToLower(v.Text) {
		case "inbox", "anywhere", "all", "unread", "primary", "mail":
			return yes
		}
	}
	return no
}

func stateOf(c Condition) truth {
	for _, v := range c.Values {
		if strings.EqualFold(v.Text, "unread") {
			return yes
		}
	}
	return no
}

func (e *evaluator) attachment(c Condition, m *sample) truth {
	switch {
	case c.Match == Exists, len(c.Names) == 1 && c.Names[0] == "filename":
		return truthOf(m.attachment && (c.Match == Exists || e.everyName(c)))
	case len(c.Names) == 0:
		return unknown
	}
	return e.compare(c, m)
}

// everyName says that filename: matches whatever the name.
func (e *evaluator) everyName(c Condition) bool {
	for _, v := range c.Values {
		if strings.Trim(v.Text, "*. ") == "" {
			return true
		}
	}
	return false
}

// compare looks for the values in the texts of the message that the test names.
func (e *evaluator) compare(c Condition, m *sample) truth {
	texts := textsOf(c, m)
	if c.Match == Exists {
		return truthOf(len(texts) > 0)
	}
	if c.Match == Compares {
		return e.relation(c, texts)
	}
	if c.Match == Near {
		return no
	}
	for _, v := range c.Values {
		e.budget -= 1 + len(v.Text)/64 + v.pattern.cost()
		if e.budget < 0 {
			return unknown
		}
		for _, text := range texts {
			if matches(c, v, text) {
				return yes
			}
		}
	}
	return no
}

func matches(c Condition, key Value, text string) bool {
	switch c.Match {
	case HasWords:
		return hasWords(text, key.Text)
	case Regex:
		return key.pattern != nil && key.pattern.MatchString(text)
	}
	holds, _ := compareText(c.Match, text, key.Text)
	return holds
}

// relation decides :value and :count (RFC 5231).
func (e *evaluator) relation(c Condition, texts []string) truth {
	kind, op, _ := strings.Cut(c.Relation, " ")
	if kind == "count" {
		texts = []string{fmt.Sprint(len(texts))}
	}
	for _, v := range c.Values {
		for _, text := range texts {
			a, b := strings.ToUpper(text), strings.ToUpper(v.Text)
			if kind == "count" && len(a) != len(b) { // numbers of one digit otherwise compare as texts do
				a, b = fmt.Sprintf("%9s", a), fmt.Sprintf("%9s", b)
			}
			n := strings.Compare(a, b)
			if op == "eq" && n == 0 || op == "ne" && n != 0 || op == "gt" && n > 0 || op == "ge" && n >= 0 || op == "lt" && n < 0 || op == "le" && n <= 0 {
				return yes
			}
		}
	}
	return no
}

// textsOf returns what of the message a test looks at.
func textsOf(c Condition, m *sample) []string {
	var texts []string
	switch {
	case c.Field == Body:
		return []string{m.body}
	case c.Field == Text:
		return []string{m.headers["from"], m.headers["to"], m.headers["subject"], m.body}
	case len(c.Names) > 0 && c.Match != HasWords:
		for _, name := range c.Names {
			if text, ok := m.headers[strings.ToLower(name)]; ok {
				texts = append(texts, partOf(text, c.Part))
			}
		}
		return texts
	}
	name := map[Field]string{From: "from", To: "to", Subject: "subject", List: "list-id", InThread: "message-id"}[c.Field]
	if len(c.Names) == 1 && (c.Names[0] == "cc" || c.Names[0] == "bcc") {
		name = c.Names[0]
	}
	if text, ok := m.headers[name]; ok {
		texts = append(texts, partOf(text, c.Part))
	}
	return texts
}

func partOf(text, part string) string {
	if part == "" {
		return text
	}
	if open := strings.LastIndexByte(text, '<'); open >= 0 {
		text = strings.Trim(text[open:], "<>")
	}
	local, domain, _ := strings.Cut(text, "@")
	user, detail, _ := strings.Cut(local, "+")
	switch part {
	case "localpart":
		return local
	case "domain":
		return domain
	case "user":
		return user
	case "detail":
		return detail
	}
	return text
}

// hasWords compares as Gmail does: whole words in their order, whatever stands between letters. A value of no letters
// ("*", "@", ".") is in every text. A lone letter counts as found wherever the letter is: nobody looks for one but to
// find everything.
func hasWords(text, key string) bool {
	want := tokens(Value{Text: key})
	if len(want) == 0 {
		return strings.TrimFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unseen(r) }) != "" || key == ""
	}
	have := tokens(Value{Text: text})
	if len(want) == 1 && len(want[0].text) == 1 {
		for _, h := range have {
			if strings.Contains(h.text, want[0].text) {
				return true
			}
		}
		return false
	}
	open := strings.HasSuffix(key, "*")
	for i := 0; i+len(want) <= len(have); i++ {
		n := 0
		for n < len(want) && (have[i+n].text == want[n].text || open && n == len(want)-1 && strings.HasPrefix(have[i+n].text, want[n].text)) {
			n++
		}
		if n == len(want) {
			return true
		}
	}
	return false
}

// compareText compares one text with one key, without regard to the case of letters as servers do unless told to.
func compareText(m Match, text, key string) (holds, known bool) {
	switch m {
	case Is:
		return strings.EqualFold(text, key), true
	case Contains:
		return strings.Contains(strings.ToLower(text), strings.ToLower(key)), true
	case Glob:
		return glob(strings.ToLower(key), strings.ToLower(text)), true
	}
	return false, false
}

// glob matches * and ? with the backslash as escape, in time of the product of the lengths.
func glob(pattern, text string) bool {
	if len(pattern)-2*strings.Count(pattern, `\\`)-strings.Count(pattern, "*") > len(text) { // more letters than the text has
		return false
	}
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p+1 < len(pattern) && pattern[p] == '\\' && pattern[p+1] == text[t]:
			p += 2
			t++
		case p < len(pattern) && pattern[p] != '\\' && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
