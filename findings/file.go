package findings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// shared gives lists that say the same as one list: of many accounts the same was not read.
type shared map[string][]Missing

func (s shared) one(list []Missing) []Missing {
	if len(list) == 0 {
		return nil
	}
	var key strings.Builder
	for _, m := range list {
		fmt.Fprintf(&key, "%q %q %q %q ", m.Source, m.Reason, m.What["fr"], m.What["en"])
	}
	if same, there := s[key.String()]; there {
		return same
	}
	s[key.String()] = list
	return list
}

// Write writes findings.json: the bytes that an encoder with an indentation of one blank writes, finding by finding and rule by rule,
// so that of thousands of accounts it is never held as a whole.
func (r *Result) Write(w io.Writer) error {
	head := *r
	if head.Findings != nil {
		head.Findings = []*Finding{}
	}
	if head.Outcomes != nil {
		head.Outcomes = []Outcome{}
	}
	var doc bytes.Buffer
	if err := newEncoder(&doc, "").Encode(&head); err != nil {
		return err
	}
	rest := doc.Bytes()
	// Nothing that is deeper in the document has this indentation, and no string holds a line break.
	rest, err := writeList(w, rest, "findings", r.Findings)
	if err == nil {
		rest, err = writeList(w, rest, "rules", r.Outcomes)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(rest)
	return err
}

func newEncoder(w io.Writer, prefix string) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetIndent(prefix, " ")
	enc.SetEscapeHTML(false)
	return enc
}

// writeList writes a document up to the list of that name, which is empty in it, and the list; and gives what is behind it.
func writeList[T any](w io.Writer, doc []byte, name string, list []T) ([]byte, error) {
	if len(list) == 0 {
		return doc, nil
	}
	before, after, found := bytes.Cut(doc, []byte("\n \""+name+"\": []"))
	if !found {
		return nil, fmt.Errorf("the document has no place for its %s", name)
	}
	_, err := fmt.Fprintf(w, "%s\n \"%s\": [", before, name)
	var text bytes.Buffer
	enc := newEncoder(&text, "  ")
	for i := range list {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString("\n  ")
		err = errors.Join(err, enc.Encode(&list[i]))
		if err != nil {
			return nil, err
		}
		if _, err = w.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n"))); err != nil {
			return nil, err
		}
		text.Reset()
	}
	_, err = io.WriteString(w, "\n ]")
	return after, err
}

// Read reads findings.json.
func Read(in io.Reader) (*Result, error) {
	dec := json.NewDecoder(in)
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.Join(errors.New("it is no JSON object"), err)
	}
	var found []*Finding
	var outcomes []Outcome
	same := shared{}
	rest := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch name := key.(string); name { // of an object the decoder takes no other key
		case "findings":
			err = eachOf(dec, func() error {
				f := &Finding{}
				found = append(found, f)
				return dec.Decode(f)
			})
		case "rules":
			err = eachOf(dec, func() error {
				var o Outcome
				err := dec.Decode(&o)
				o.Missing = same.one(o.Missing)
				outcomes = append(outcomes, o)
				return err
			})
		default:
			var value json.RawMessage
			err = dec.Decode(&value)
			rest[name] = value
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	doc, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	if err := json.Unmarshal(doc, r); err != nil {
		return nil, err
	}
	r.Findings, r.Outcomes = found, outcomes
	return r, nil
}

// eachOf calls read at each element of the list that comes next; null is none.
func eachOf(dec *json.Decoder, read func() error) error {
	switch open, err := dec.Token(); {
	case err != nil:
		return err
	case open == nil:
		return nil
	case open != json.Delim('['):
		return fmt.Errorf("%v is where a list belongs", open)
	}
	for dec.More() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}
