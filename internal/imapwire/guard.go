package imapwire

import (
	"fmt"
	"strings"
)

// A RefusedError says that a command was not sent, because it could change something at the source.
type RefusedError struct {
	Command string // as it may be shown
	Why     string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused to send %s: %s", e.Command, e.Why)
}

// Check says whether a command only reads. It is a list of what is allowed, so that a command nobody thought of is
// refused. EXAMINE stands for SELECT; CLOSE is not on the list, as it expunges where a mailbox was selected. A fetch
// must name its items, and only such as set no flag: BODY.PEEK[…] rather than BODY[…] (RFC 3501 section 6.4.5).
// METADATA, ACL and quota commands are those that get, none that sets.
func Check(c *Command) error {
	name := strings.ToUpper(c.Name)
	switch name {
	case "CAPABILITY", "ID", "STARTTLS", "LOGIN", "AUTHENTICATE", "ENABLE", "NAMESPACE", "LIST", "LSUB", "STATUS",
		"EXAMINE", "UNSELECT", "NOOP", "LOGOUT", "COMPRESS", "GETQUOTA", "GETQUOTAROOT", "GETACL", "MYRIGHTS",
		"LISTRIGHTS", "GETMETADATA", "GETANNOTATION", "SEARCH", "UID SEARCH":
	case "FETCH", "UID FETCH":
		if len(c.args) < 2 {
			return &RefusedError{Command: c.Shown(), Why: "it names no items"}
		}
		if err := checkItems(c); err != nil {
			return err
		}
	default:
		return &RefusedError{Command: c.Shown(), Why: name + " is not among the commands that only read"}
	}
	for _, a := range c.args {
		if a.form == formAtom && strings.ContainsAny(a.text, "\r\n\x00") {
			return &RefusedError{Command: c.Shown(), Why: "an argument has a line break in it, which would begin another command"}
		}
	}
	return nil
}

// checkItems looks at the arguments of a fetch: the numbers, the items, and modifiers such as (CHANGEDSINCE 12). Each
// is held to the characters that it needs, so that none can smuggle in another.
func checkItems(c *Command) error {
	refuse := func(why string) error { return &RefusedError{Command: c.Shown(), Why: why} }
	if !only(c.args[0], "0123456789:,*") {
		return refuse("its first argument is no set of numbers")
	}
	for _, modifiers := range c.args[2:] {
		if !only(modifiers, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ()") {
			return refuse("its modifiers have characters that none needs")
		}
	}
	if c.args[1].form != formAtom {
		return refuse("its items are a string")
	}
	s := &Scanner{b: []byte(c.args[1].text), cut: -1}
	list, isList := s, false
	if strings.HasPrefix(c.args[1].text, "(") {
		v, _ := s.Next()
		list, isList = v.Scan(), true
	}
	n := 0
	for v, ok := list.Next(); ok; v, ok = list.Next() {
		if item := strings.ToUpper(string(v.Raw)); v.Kind != Atom || !itemReads(item) {
			return refuse(item + " is not among the items that set no flag")
		}
		n++
	}
	switch {
	case n == 0:
		return refuse("it names no items")
	case len(list.Rest()) > 0, len(s.Rest()) > 0, !isList && n > 1:
		return refuse("its items are not one list")
	}
	return nil
}

func only(a arg, chars string) bool {
	return a.form == formAtom && strings.Trim(a.text, chars) == "" && a.text != ""
}

func itemReads(item string) bool {
	if base, _, bracket := strings.Cut(item, "["); bracket {
		switch base {
		case "BODY.PEEK", "BINARY.PEEK", "BINARY.SIZE":
			return true
		}
		return false
	}
	switch item {
	case "UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "RFC822.HEADER", "ENVELOPE", "BODY", "BODYSTRUCTURE", "MODSEQ",
		"SAVEDATE", "EMAILID", "THREADID", "X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS":
		return true
	}
	return false
}
