package imapwire

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// A Revealer holds a secret and gives it away for the wire only. internal/secret.String is one.
type Revealer interface{ Reveal() string }

// redacted is what is shown in place of a secret.
const redacted = "[redacted]"

// A Command is one command for the server, without its tag.
type Command struct {
	// Name is one or two words: "EXAMINE", "UID FETCH".
	Name string

	// Respond answers the server's continuation requests of AUTHENTICATE. It gets what follows "+ " and returns the
	// line to send, without line break; an error cancels the exchange with "*" and is returned by Do.
	Respond func(challenge string) (Revealer, error)

	args []arg
}

type arg struct {
	form   argForm
	text   string
	secret Revealer // in place of text
}

type argForm byte

const (
	formAtom argForm = iota
	formString
)

// NewCommand starts a command.
func NewCommand(name string) *Command { return &Command{Name: name} }

// Atom adds an argument that is written as it is: a number set, a parenthesised list.
func (c *Command) Atom(text string) *Command {
	c.args = append(c.args, arg{form: formAtom, text: text})
	return c
}

// String adds an argument that is written as a quoted string, or as a literal where it must be.
func (c *Command) String(text string) *Command {
	c.args = append(c.args, arg{form: formString, text: text})
	return c
}

// Secret adds an argument that is never shown: quoted or literal like String, or as it is when atom is set (the
// initial response of AUTHENTICATE).
func (c *Command) Secret(s Revealer, atom bool) *Command {
	a := arg{form: formString, secret: s}
	if atom {
		a.form = formAtom
	}
	c.args = append(c.args, a)
	return c
}

// Shown returns the command as it may be kept and printed: without its tag, with secrets left out.
func (c *Command) Shown() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for _, a := range c.args {
		b.WriteByte(' ')
		switch {
		case a.secret != nil:
			b.WriteString(redacted)
		case a.form == formString:
			b.WriteString(`"` + visible.Text(a.text) + `"`)
		default:
			b.WriteString(visible.Text(a.text))
		}
	}
	return b.String()
}

// encode returns the pieces of the command line. Between two pieces the server must ask for the next one.
func (c *Command) encode(tag string, nonSync bool) ([][]byte, error) {
	var pieces [][]byte
	line := []byte(tag + " " + c.Name)
	for _, a := range c.args {
		if a.secret != nil {
			a.text = a.secret.Reveal()
		}
		line = append(line, ' ')
		switch {
		case a.form == formAtom:
			if strings.ContainsAny(a.text, "\r\n\x00") || a.text == "" {
				return nil, fmt.Errorf("an argument of %s has a line break or nothing in it", c.Name)
			}
			line = append(line, a.text...)
		case quotable(a.text):
			line = append(line, '"')
			for _, ch := range []byte(a.text) {
				if ch == '"' || ch == '\\' {
					line = append(line, '\\')
				}
				line = append(line, ch)
			}
			line = append(line, '"')
		case nonSync && len(a.text) <= 4096: // LITERAL- stops there (RFC 7888)
			line = fmt.Appendf(line, "{%d+}\r\n%s", len(a.text), a.text)
		default:
			line = fmt.Appendf(line, "{%d}\r\n", len(a.text))
			pieces = append(pieces, line)
			line = []byte(a.text)
		}
	}
	return append(pieces, append(line, "\r\n"...)), nil
}

func quotable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return false
		}
	}
	return len(s) <= 1000
}
