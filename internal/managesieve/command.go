package managesieve

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// A Command is one command for the server.
type Command struct {
	name string
	args []argument
}

type argument struct {
	text   string
	secret bool
}

// NewCommand starts a command.
func NewCommand(name string) *Command { return &Command{name: name} }

// String adds a string.
func (c *Command) String(text string) *Command {
	c.args = append(c.args, argument{text: text})
	return c
}

func (c *Command) secret(text string) *Command {
	c.args = append(c.args, argument{text: text, secret: true})
	return c
}

// Shown returns the command as it may be kept and printed: secrets left out, one line.
func (c *Command) Shown() string {
	var b strings.Builder
	b.WriteString(visible.Text(c.name))
	for _, a := range c.args {
		if a.secret {
			b.WriteString(" [redacted]")
			continue
		}
		b.WriteString(` "` + visible.Cut(a.text, 500) + `"`)
	}
	return b.String()
}

func (c *Command) encode() []byte {
	line := []byte(c.name)
	for _, a := range c.args {
		line = appendString(append(line, ' '), a.text)
	}
	return append(line, "\r\n"...)
}

// appendString writes a string quoted, or as a literal where it cannot be: RFC 5804 section 4 ends a quoted string at
// 1024 bytes and takes no line break and no zero byte in it. All literals of a client's are sent without waiting.
func appendString(line []byte, s string) []byte {
	if len(s) > 1000 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Appendf(line, "{%d+}\r\n%s", len(s), s)
	}
	line = append(line, '"')
	for _, c := range []byte(s) {
		if c == '"' || c == '\\' {
			line = append(line, '\\')
		}
		line = append(line, c)
	}
	return append(line, '"')
}

// A RefusedError says that a command was not sent, because it could change something at the source.
type RefusedError struct {
	Command string // as it may be shown
	Why     string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused to send %s: %s", e.Command, e.Why)
}

// Check says whether a command only reads. It is a list of what is allowed, so that a command nobody thought of is
// refused. HAVESPACE and CHECKSCRIPT store nothing by RFC 5804, but are of no use to a reader.
func Check(c *Command) error {
	refuse := func(why string) error { return &RefusedError{Command: c.Shown(), Why: why} }
	arguments := map[string][2]int{ // fewest and most
		"CAPABILITY": {0, 0}, "NOOP": {0, 0}, "STARTTLS": {0, 0}, "LOGOUT": {0, 0}, "LISTSCRIPTS": {0, 0},
		"GETSCRIPT": {1, 1}, "AUTHENTICATE": {1, 2},
	}
	bounds, ok := arguments[c.name]
	switch {
	case !ok:
		return refuse("it is not among the commands that only read")
	case len(c.args) < bounds[0] || len(c.args) > bounds[1]:
		return refuse(fmt.Sprintf("it has %d arguments", len(c.args)))
	}
	return nil
}
