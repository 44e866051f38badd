package googlelog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Options say how a text is read.
type Options struct {
	Location  *time.Location // of times without a zone; nil if nobody knows it
	MaxRecord int            // bytes of one record, 16 MiB if 0; of a table's row a sixteenth
}

// A NotReadError is a record that cannot be read. Reading goes on behind it.
type NotReadError struct {
	Number int64 // of the record, as in Record
	Offset int64
	Row    int64
	Err    error
}

// Error says which record and why.
func (e *NotReadError) Error() string {
	if e.Row > 0 {
		return fmt.Sprintf("row %d at offset %d: %v", e.Row, e.Offset, e.Err)
	}
	return fmt.Sprintf("record %d at offset %d: %v", e.Number, e.Offset, e.Err)
}

// Unwrap gives the reason.
func (e *NotReadError) Unwrap() error { return e.Err }

// Reason is why, without anything that differs from record to record.
func (e *NotReadError) Reason() string {
	var syntax *json.SyntaxError
	if errors.As(e.Err, &syntax) {
		return errBroken.Error()
	}
	return e.Err.Error()
}

// A Reader reads the records of one text.
type Reader struct {
	options Options
	form    string // "json" or "csv", "" before it is known
	charset string

	splitter *splitter
	table    *table
	titles   titles

	pending []piece // records of a record: what an array or page in an array holds
	number  int64
	row     int64
	pages   int64 // in records
	tokens  int64
	more    bool
	ended   error
	in      *bufio.Reader
}

// A piece is a record within another's bytes.
type piece struct {
	raw   []byte
	off   int64
	depth int
}

// maxPieces is how many records an array or page within an array may have. Google's pages have 1000.
const maxPieces = 100_000

// NewReader reads r, whose form it finds out.
func NewReader(r io.Reader, options Options) *Reader {
	if options.MaxRecord == 0 {
		options.MaxRecord = 16 << 20
	}
	return &Reader{options: options, in: bufio.NewReaderSize(r, 64<<10)}
}

// Form is how the text is written: "json", or "csv" with its delimiter and charset where these are not the usual ones.
func (r *Reader) Form() string {
	form := r.form
	if r.table != nil {
		form += map[byte]string{';': ", semicolons", '\t': ", tabs"}[r.table.delimiter]
		if r.titles.french {
			form += ", French"
		}
		if r.titles.windows {
			return form + ", Windows-1252"
		}
	}
	return form + r.charset
}

// Pages is how many pages of activities.list there were and how many of them announce another one. more says that the page
// that came last does: there are activities that this text does not hold.
func (r *Reader) Pages() (pages, announcing int64, more bool) {
	pages, announcing, more = r.pages, r.tokens, r.more
	if s := r.splitter; s != nil {
		pages, announcing, more = pages+s.pages, announcing+s.tokens, more || s.more
	}
	return pages, announcing, more
}

// Next gives the next record; what it holds stays as it is until Next is called again. A *NotReadError is a record that
// could not be read; io.EOF is the end; any other error is that of the reader below or says that the text is none that is
// known.
func (r *Reader) Next() (*Record, error) {
	if r.ended != nil {
		return nil, r.ended
	}
	if r.form == "" {
		if r.ended = r.begin(); r.ended != nil {
			return nil, r.ended
		}
	}
	var rec *Record
	var err error
	if r.form == "csv" {
		rec, err = r.nextRow()
	} else {
		rec, err = r.nextObject()
	}
	var not *NotReadError
	if err != nil && !errors.As(err, &not) {
		r.ended = err
	}
	return rec, err
}

// begin finds out what the text is: its charset by the mark in front, its form by the first byte.
func (r *Reader) begin() error {
	mark, err := r.in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var off int64
	switch {
	case bytes.HasPrefix(mark, []byte("\xff\xfe")), bytes.HasPrefix(mark, []byte("\xfe\xff")):
		r.charset = ", UTF-16"
		r.in = bufio.NewReaderSize(transform.NewReader(r.in, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), 64<<10)
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		off = 3
		_, _ = r.in.Discard(3) // they were peeked
	}
	head, err := r.in.Peek(16 << 10)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return err
	}
	trimmed := bytes.TrimLeft(head, " \t\r\n\x1e")
	if len(trimmed) == 0 {
		r.form = "empty"
	}
	if len(trimmed) == 0 || trimmed[0] == '{' || trimmed[0] == '[' {
		r.splitter = newSplitter(r.in, r.options.MaxRecord)
		r.splitter.off = off
		if len(trimmed) > 0 {
			r.form = "json"
		}
		return nil
	}
	r.form = "csv"
	r.table = &table{r: r.in, off: off, max: r.options.MaxRecord / 16}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	r.titles, err = r.table.readTitles(line)
	r.titles.location = r.options.Location
	if errors.Is(err, errLong) || errors.Is(err, errCut) || errors.Is(err, io.EOF) {
		err = errNoTitles
	}
	if errors.Is(err, errNoTitles) {
		r.form, r.table = "unknown", nil
	}
	return err
}

// ErrUnknown is that a text is in no form that is read here.
var ErrUnknown = errNoTitles

func (r *Reader) nextObject() (*Record, error) {
	for {
		if len(r.pending) == 0 {
			pages := r.splitter.pages
			raw, off, err := r.splitter.next()
			r.more = r.more && r.splitter.pages == pages // a page came
			if err != nil {
				return nil, r.notRead(off, err)
			}
			r.pending = append(r.pending[:0], piece{raw: raw, off: off})
		}
		p := r.pending[0]
		r.pending = r.pending[1:]
		if err := valid(p.raw); err != nil {
			return nil, r.notRead(p.off, err)
		}
		inner, err := r.unfold(p)
		if err != nil {
			return nil, r.notRead(p.off, err)
		}
		if inner {
			continue
		}
		r.number++
		rec := &Record{Number: r.number, Offset: p.off, Size: len(p.raw)}
		if err := rec.activity(p.raw); errors.Is(err, errEmptyPage) {
			r.number--
			r.page(rec)
			continue
		} else if err != nil {
			return nil, &NotReadError{Number: r.number, Offset: p.off, Err: err}
		}
		rec.Replaced = !utf8.Valid(p.raw)
		return rec, nil
	}
}

// page counts a page without items.
func (r *Reader) page(rec *Record) {
	r.pages++
	r.more = false
	if s := r.splitter; s != nil {
		s.more = false
	}
	for _, f := range rec.Other {
		if f.Name == "nextPageToken" && text(f.Value) != "" {
			r.tokens++
			r.more = true
		}
	}
}

// valid holds a record to the grammar of JSON.
func valid(raw []byte) error {
	if !json.Valid(raw) {
		return errBroken
	}
	return nil
}

// errPieces is an array within an array that nobody makes.
var errPieces = fmt.Errorf("it is an array within another, and has more than %d records", maxPieces)

// maxFold is how deep pages and arrays stand in each other: pages in an array, their items.
const maxFold = 3

// unfold puts what an array or a page holds in front of what is pending.
func (r *Reader) unfold(p piece) (inner bool, err error) {
	if p.depth == maxFold || p.raw[0] != '[' && !bytes.Contains(p.raw, []byte(`"items"`)) {
		return false, nil
	}
	var pieces []piece
	count := 0
	take := func(items []byte) {
		at := p.off + int64(cap(p.raw)-cap(items)) // items are a part of p.raw
		eachElement(items, func(one []byte, i int) {
			if count++; count <= maxPieces {
				pieces = append(pieces, piece{one, at + int64(i), p.depth + 1})
			}
		})
		inner = true
	}
	token := ""
	if p.raw[0] == '[' {
		take(p.raw)
	} else {
		eachField(p.raw, func(name string, v []byte) {
			switch {
			case name == "items" && v[0] == '[':
				take(v)
			case name == "nextPageToken":
				token = text(v)
			}
		})
	}
	switch {
	case !inner:
		return false, nil
	case count > maxPieces:
		return false, errPieces
	case p.raw[0] == '{':
		r.pages++
		r.splitter.more = false
		if r.more = token != ""; r.more {
			r.tokens++
		}
	}
	r.pending = append(pieces, r.pending...)
	return true, nil
}

// notRead tells a record that cannot be read from an error of the reader below.
func (r *Reader) notRead(off int64, err error) error {
	for _, known := range []error{errLong, errBroken, errNext, errCut, errNoRecord, errPieces} {
		if errors.Is(err, known) {
			r.number++
			return &NotReadError{Number: r.number, Offset: off, Err: err}
		}
	}
	return err
}

func (r *Reader) nextRow() (*Record, error) {
	for {
		off, err := r.table.next()
		if err == nil && len(r.table.row) == 0 && len(r.table.cells) <= 1 {
			continue // an empty line
		}
		if err == nil && len(r.table.cells) == 1 && string(r.table.cell(0)) == "" {
			continue
		}
		r.row++
		if err != nil {
			err = r.notRead(off, err)
			var not *NotReadError
			if errors.As(err, &not) {
				not.Row = r.row
			}
			return nil, err
		}
		r.number++
		rec := &Record{Number: r.number, Offset: off, Row: r.row, Size: int(r.table.off - off)}
		cell := r.titles.record(r.table, rec)
		if cell == nil {
			return rec, nil
		}
		whole := &Record{Number: r.number, Offset: off, Row: r.row, Size: rec.Size, Replaced: !utf8.Valid(cell)}
		if err = valid(cell); err == nil {
			err = whole.activity(cell)
		}
		if err != nil {
			return nil, &NotReadError{Number: r.number, Offset: off, Row: r.row, Err: err}
		}
		for _, p := range rec.Events[0].Parameters { // other columns beside the JSON
			whole.Other = append(whole.Other, Field{"column." + p.Name, p.Value})
		}
		return whole, nil
	}
}

// Truncated says whether a record that was not read is the text's last one, which ends in the middle.
func Truncated(err error) bool { return errors.Is(err, errCut) }

// TooLong says whether a record was not read because it is longer than one may be.
func TooLong(err error) bool { return errors.Is(err, errLong) }
