package managesieve

import "bytes"

// A Listed is one line of LISTSCRIPTS (RFC 5804 section 2.7).
type Listed struct {
	Name   string // any bytes
	Active bool
}

// List asks which scripts there are. The answer may be a refusal.
func (c *Conn) List() (*Answer, []Listed, error) {
	answer, err := c.Do(NewCommand("LISTSCRIPTS"))
	if err != nil {
		return nil, nil, err
	}
	var scripts []Listed
	for _, line := range answer.Lines {
		l := Listed{Name: string(line.Tokens[0].Text)}
		for _, t := range line.Tokens[1:] {
			l.Active = l.Active || t.Kind == Atom && bytes.EqualFold(t.Text, []byte("ACTIVE"))
		}
		scripts = append(scripts, l)
	}
	return answer, scripts, nil
}

// A Script is the answer to GETSCRIPT (RFC 5804 section 2.9).
type Script struct {
	Body   []byte
	Around []byte  // the answer as received, without the body where that came as a literal
	Form   string  // "literal" or "quoted"
	Answer *Answer // a refusal where Body is nil
}

// GetCommand is what Get sends.
func GetCommand(name string) *Command { return NewCommand("GETSCRIPT").String(name) }

// Get asks for a script, active or not.
func (c *Conn) Get(name string) (*Script, error) {
	answer, err := c.Do(GetCommand(name))
	if err != nil {
		return nil, err
	}
	s := &Script{Answer: answer}
	if !answer.OK() {
		return s, nil
	}
	if len(answer.Lines) != 1 || len(answer.Lines[0].Tokens) != 1 {
		return nil, &SyntaxError{Line: answer.Raw, Why: "a script is one string"}
	}
	t := answer.Lines[0].Tokens[0]
	s.Body = bytes.Clone(t.Text)
	if s.Body == nil {
		s.Body = []byte{}
	}
	if t.Kind == Quoted {
		s.Form, s.Around = "quoted", answer.Raw
		return s, nil
	}
	s.Form = "literal"
	s.Around = append(bytes.Clone(answer.Raw[:t.Start]), answer.Raw[t.End:]...)
	return s, nil
}
