package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// emptyCoverage is how marshalDocument writes a document's own coverage without a row: nothing that is deeper in the document
// has this indentation, and no string holds a line break.
const emptyCoverage = "\n  \"coverage\": []"

// writeAcquisition writes acquisition.json, row by row: the same bytes as marshalDocument with all rows in acq.Coverage.
func writeAcquisition(w io.Writer, acq Acquisition, rows iter.Seq2[Coverage, error]) error {
	acq.Coverage = []Coverage{}
	doc, err := marshalDocument(acq)
	if err != nil {
		return err
	}
	before, after, found := bytes.Cut(doc, []byte(emptyCoverage))
	if !found {
		return fmt.Errorf("%s has no place for its coverage", acquisitionFile)
	}
	if _, err := w.Write(before); err != nil {
		return err
	}
	const (
		start = "\n  \"coverage\": ["
		place = "\n    "
	)
	between, end := start+place, start+"]"
	var text bytes.Buffer // used again for each row, so that many rows leave little behind for the garbage collector
	rowJSON := json.NewEncoder(&text)
	rowJSON.SetIndent(place[1:], "  ")
	for row, err := range rows {
		if err != nil {
			return err
		}
		text.Reset()
		text.WriteString(between)
		if err := rowJSON.Encode(&row); err != nil {
			return err
		}
		if _, err := w.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n"))); err != nil {
			return err
		}
		between, end = ","+place, "\n  ]"
	}
	_, err = w.Write(append([]byte(end), after...))
	return err
}

// readAcquisition reads acquisition.json into acq, an Acquisition or what holds one, and gives each row of its coverage, none of which is kept, to row; nil passes over
// them. What is not coverage may have 64 MiB, and so may a row; the coverage of many accounts has more.
func readAcquisition(r io.Reader, acq any, row func(Coverage)) error {
	bounded := &boundedReader{r: r}
	dec := json.NewDecoder(bounded)
	bounded.left = maxTagFile
	if err := wantDelim(dec, '{'); err != nil {
		return err
	}
	rest := []byte("{")
	var ofRows error // said only if this is the version that has such rows
	for dec.More() {
		bounded.left = maxTagFile
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name := key.(string) // of an object the decoder takes no other key
		if strings.EqualFold(name, "coverage") {
			if ofRows, err = readRows(dec, bounded, row); err != nil {
				return err
			}
			continue
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		rest = append(append(append(rest, quoted...), ':'), value...)
		if len(rest) > maxTagFile {
			return errLongDocument
		}
	}
	if err := wantDelim(dec, '}'); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.Join(errors.New("something follows its end"), err)
	}
	if err := parseDocument(append(rest, '}'), acq); err != nil {
		return err
	}
	return ofRows
}

// readHashed is readAcquisition to the end of what is read, whatever it holds; f then has its digest. parsing is what is wrong
// with it, err is about reading only.
func readHashed(f *hashedFile, acq any, row func(Coverage)) (parsing, err error) {
	parsing = readAcquisition(f, acq, row)
	_, err = io.Copy(io.Discard, onlyReader{f})
	return parsing, errors.Join(f.err, err)
}

// readRows reads the rows of the coverage. ofRows is about rows that are not of the form that is ours; err is about JSON that
// goes no further.
func readRows(dec *json.Decoder, bounded *boundedReader, row func(Coverage)) (ofRows, err error) {
	switch open, err := dec.Token(); {
	case err != nil:
		return nil, err
	case open == nil: // null: there is none
		return nil, nil
	case open != json.Delim('['):
		return nil, errors.New("its coverage is not a list")
	}
	var r Coverage
	var into any = &r
	if row == nil {
		into = &struct{}{} // of what nobody asked for no cell is made
	}
	for dec.More() {
		bounded.left = maxTagFile
		r = Coverage{}
		err := dec.Decode(into)
		var notOurs *json.UnmarshalTypeError
		switch {
		case errors.As(err, &notOurs):
			ofRows = errors.Join(err)
		case err != nil:
			return nil, err
		case row != nil:
			row(r)
		}
	}
	return ofRows, wantDelim(dec, ']')
}

func wantDelim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if err == nil && token != want {
		err = fmt.Errorf("%v is where %v belongs", token, want)
	}
	return err
}

var errLongDocument = fmt.Errorf("it has more than %d bytes", maxTagFile)

// A boundedReader fails after so many bytes as are left; who reads sets how many, again and again.
type boundedReader struct {
	r    io.Reader
	left int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongDocument
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// rowsInto gathers rows, of which most cells are the same as in others.
func rowsInto(rows *[]Coverage) func(Coverage) {
	known := make(map[string]string)
	same := func(s *string) {
		if first, there := known[*s]; there {
			*s = first
			return
		}
		known[*s] = *s
	}
	*rows = []Coverage{}
	return func(r Coverage) {
		for _, cell := range []*string{&r.Account, &r.Collector, &r.Resource, &r.Status, &r.Reason} {
			same(cell)
		}
		*rows = append(*rows, r)
	}
}
