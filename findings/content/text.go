package content

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// quoteLine is a line behind which a message repeats the one that it answers, as programs write it in five languages.
var quoteLine = regexp.MustCompile(`(?i)^\s*(?:-{2,}\s*(?:original message|message d'origine|message original|message transféré|forwarded message|ursprüngliche nachricht|mensaje original|messaggio originale)\s*-{2,}` +
	`|(?:le|on|am|el|il)\s.{6,200}?\s(?:a écrit|wrote|schrieb.{0,100}|escribió|ha scritto)\s*:?\s*` +
	`|_{20,}\s*)$`)

// begins says whether what a message quotes begins behind a line.
func begins(line string) bool {
	line = strings.TrimSpace(line)
	if len(line) < 10 || len(line) > 500 || !strings.ContainsRune("-_LlOoAaEeIi", rune(line[0])) {
		return false
	}
	return quoteLine.MatchString(line)
}

// blockLine says whether a line begins with one of those words and a colon.
func blockLine(line string, words ...string) bool {
	name, _, found := strings.Cut(line, ":")
	return found && len(name) < 20 && slices.Contains(words, strings.ToLower(strings.Trim(name, " *\t\u00a0")))
}

// split tells a plain text's own lines from those that it quotes. Behind end all is quoted.
func split(text string) (own, quoted string, end int) {
	var o, q strings.Builder
	below, from := false, false // from: the line before names a sender, as Outlook's block above what it quotes does
	for line := range strings.Lines(text) {
		if !below {
			end += len(line)
		}
		below = below || begins(line) || from && blockLine(line, "envoyé", "sent", "gesendet", "enviado", "inviato", "date", "datum", "fecha", "data")
		from = blockLine(line, "de", "from", "von", "da")
		if below || strings.HasPrefix(strings.TrimLeft(line, " \t"), ">") {
			q.WriteString(strings.TrimLeft(line, "> \t"))
		} else {
			o.WriteString(line)
		}
	}
	return o.String(), q.String(), end
}

// A target is the address that a link of HTML leads to, and how much of the own words stands before it.
type target struct {
	address string
	at      int
}

// fromHTML gives what a reader of HTML sees, and apart what is in a quotation, and where the links outside of quotations lead. It
// reads to the end or to the first thing that is no HTML any more, and gives what came before.
func fromHTML(r io.Reader) (own, quoted string, links []target, err error) {
	z := html.NewTokenizer(r)
	z.SetMaxBuf(MaxText)
	var o, q strings.Builder
	var open []string // elements that make a quotation, and those of the same names inside of it
	quoting := 0
	hidden := ""
	write := func(s string) {
		if quoting > 0 {
			q.WriteString(s)
		} else {
			o.WriteString(s)
		}
	}
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return o.String(), q.String(), links, err
			}
			return o.String(), q.String(), links, nil
		case html.TextToken:
			if hidden == "" {
				write(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			raw, attributes := z.TagName()
			name := string(raw)
			switch {
			case name == "script" || name == "style":
				hidden = name
			case len(open) < maxOpen && (name == "blockquote" || attributes && name == "div" && quotes(z)):
				open = append(open, name)
				quoting++
			case quoting > 0 && len(open) < maxOpen && name == open[0]:
				open = append(open, name)
			case quoting == 0 && attributes && (name == "a" || name == "area" || name == "form"):
				if address := leadsTo(z); address != "" {
					links = append(links, target{address, o.Len()})
				}
			}
			if block(name) {
				write("\n")
			}
		case html.EndTagToken:
			raw, _ := z.TagName()
			name := string(raw)
			if name == hidden {
				hidden = ""
			}
			if n := len(open); n > 0 && name == open[n-1] {
				if open = open[:n-1]; len(open) == 0 {
					quoting = 0
				}
			}
			if block(name) {
				write("\n")
			}
		}
	}
}

// maxOpen is how many elements of a quotation are followed.
const maxOpen = 1000

// leadsTo is where a link or a form leads.
func leadsTo(z *html.Tokenizer) string {
	for {
		name, value, more := z.TagAttr()
		if key := string(name); key == "href" || key == "action" {
			return strings.TrimSpace(string(value))
		}
		if !more {
			return ""
		}
	}
}

// quotes says whether a div is one in which a mail program puts what it quotes.
func quotes(z *html.Tokenizer) bool {
	for {
		name, value, more := z.TagAttr()
		v := string(value)
		switch string(name) {
		case "class":
			if strings.Contains(v, "gmail_quote") || strings.Contains(v, "moz-cite") || strings.Contains(v, "yahoo_quoted") {
				return true
			}
		case "id":
			if strings.Contains(v, "divRplyFwdMsg") || strings.Contains(v, "appendonsend") {
				return true
			}
		}
		if !more {
			return false
		}
	}
}

// block says whether an element begins a new line.
func block(name string) bool {
	switch name {
	case "br", "p", "div", "tr", "li", "table", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ul", "ol", "pre":
		return true
	case "td", "th":
		return true
	}
	return false
}
