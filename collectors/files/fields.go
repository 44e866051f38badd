package files

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"strings"
)

// readFields reads the header fields that programs which write mbox files add, by their names in lower case; of several
// of a name the first.
func readFields(in *bufio.Reader) (map[string]string, error) {
	names := []string{"x-gmail-labels", "x-gm-thrid", "content-length", "status", "x-status"}
	fields := map[string]string{}
	current := ""
	for {
		line, err := in.ReadSlice('\n')
		if isEmpty(line) {
			break
		}
		if folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t'); folded && current != "" {
			fields[current] += strings.TrimRight(validText(line), "\r\n")
		} else if !folded {
			current = ""
			name, value, found := bytes.Cut(line, []byte(":"))
			name = bytes.TrimRight(name, " \t")
			for _, wanted := range names {
				if _, there := fields[wanted]; found && !there && len(name) == len(wanted) && strings.EqualFold(string(name), wanted) {
					current, fields[wanted] = wanted, validText(bytes.TrimSpace(value))
				}
			}
		}
		if err == io.EOF || err == bufio.ErrBufferFull {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	decoder := &mime.WordDecoder{CharsetReader: func(string, io.Reader) (io.Reader, error) { return nil, mime.ErrInvalidMediaParameter }}
	if labels, ok := fields["x-gmail-labels"]; ok {
		if decoded, err := decoder.DecodeHeader(labels); err == nil {
			fields["x-gmail-labels"] = strings.ToValidUTF8(decoded, "\uFFFD")
		}
	}
	return fields, nil
}

// statusFlags gives the IMAP flags that the letters of Status and X-Status stand for, as FETCH writes them.
func statusFlags(letters ...string) string {
	var flags []string
	for _, l := range strings.Join(letters, "") {
		if flag := map[rune]string{'R': `\Seen`, 'A': `\Answered`, 'F': `\Flagged`, 'D': `\Deleted`, 'T': `\Draft`}[l]; flag != "" {
			flags = append(flags, flag)
		}
	}
	if len(flags) == 0 {
		return ""
	}
	return "(" + strings.Join(flags, " ") + ")"
}

// An unescaper takes one ">" off lines that begin with ">From ", in the form mboxrd also off those with more of them.
type unescaper struct {
	r     *bufio.Reader
	more  bool
	rest  []byte
	inner bool // within a line
}

func newUnescaper(r io.Reader, more bool) *unescaper {
	return &unescaper{r: bufio.NewReaderSize(r, 64<<10), more: more}
}

// Read implements io.Reader.
func (u *unescaper) Read(p []byte) (int, error) {
	if len(u.rest) == 0 {
		text, err := u.r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && (err != io.EOF || len(text) == 0) {
			return 0, err
		}
		begins := !u.inner
		u.inner = !bytes.HasSuffix(text, []byte("\n"))
		if n := escapes(text); begins && (n == 1 || n > 1 && u.more) {
			text = text[1:]
		}
		u.rest = text
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
