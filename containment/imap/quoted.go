package imap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/containment"
)

// Quoted writes names one after the other, each in quotes and in ASCII: "INBOX" "bob". Different names stay different,
// whatever bytes are in them.
func Quoted(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.QuoteToASCII(name)
	}
	return strings.Join(quoted, " ")
}

// unquoted reads so many names back, and gives what follows them.
func unquoted(text string, count int) (names []string, rest string, err error) {
	for range count {
		prefix, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, "", fmt.Errorf("%w: the target %.100q is not %d names in quotes", containment.ErrPlan, text, count)
		}
		name, err := strconv.Unquote(prefix)
		if err != nil {
			return nil, "", fmt.Errorf("%w: the target %.100q: %w", containment.ErrPlan, text, err)
		}
		names, text = append(names, name), strings.TrimPrefix(text[len(prefix):], " ")
	}
	return names, text, nil
}

func upper(b []byte) string { return string(bytes.ToUpper(b)) }

// document writes a target's description.
func document(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	return text, err
}

// kept is text as JSON can hold it: as it is where it is UTF-8, else in base64.
type kept struct {
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
}

func keep(b []byte) kept {
	if utf8.Valid(b) {
		text := string(b)
		return kept{Text: &text}
	}
	return kept{Base64: b}
}

func (k kept) bytes() []byte {
	if k.Text != nil {
		return []byte(*k.Text)
	}
	return k.Base64
}
