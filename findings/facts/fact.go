package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/internal/googlelog"
)

// A Fact is one statement, with where it was read.
type Fact struct {
	Kind      string
	Account   string // whom it is about: the account examined, or the actor of an event of a whole tenant
	Collector string
	Resource  string

	Bundle  string // ULID
	Exhibit string // P-000042
	Locator string // JSON pointer, "line 12", "header"; "" stands for the whole exhibit

	Time      time.Time // UTC; zero where the source tells none
	Zone      string    // as the source wrote it
	Inferred  string    // what of the time is not the source's own
	Collected time.Time // UTC

	Fields Fields
}

// Fields are named values. A name is there once.
type Fields []Field

// A Field is one of them. Names are in lower case.
type Field struct {
	Name  string
	Value Value
}

// A Value is a text, a number, true or false, or a list of texts. The zero Value is an empty text.
type Value struct {
	form  form
	one   string
	texts *[]string // of a list; few values are one, and facts are many
}

type form byte

const (
	text form = iota
	number
	boolean
	list
)

// Text, Number, Bool and List make values.
func Text(s string) Value { return Value{one: s} }

// Number is a whole number.
func Number(n int64) Value { return Value{form: number, one: strconv.FormatInt(n, 10)} }

// Bool is true or false.
func Bool(b bool) Value { return Value{form: boolean, one: strconv.FormatBool(b)} }

// List is a list of texts, which may be empty.
func List(texts []string) Value { return Value{form: list, texts: &texts} }

// Len is how many texts a value has: 1 unless it is a list.
func (v Value) Len() int {
	if v.form == list {
		return len(*v.texts)
	}
	return 1
}

// At is a value's text number i; numbers are written in digits, true and false as such.
func (v Value) At(i int) string {
	if v.form == list {
		return (*v.texts)[i]
	}
	return v.one
}

// String gives the texts, separated by ", ".
func (v Value) String() string {
	if v.form == list {
		return strings.Join(*v.texts, ", ")
	}
	return v.one
}

// Int is a number's value, and 0 of what is none.
func (v Value) Int() int64 {
	n, err := strconv.ParseInt(v.String(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// All gives the texts. They must not be changed.
func (v Value) All() []string {
	if v.form == list {
		return *v.texts
	}
	return []string{v.one}
}

// Get finds a field.
func (f *Fact) Get(name string) (Value, bool) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return f.Fields[i].Value, true
		}
	}
	return Value{}, false
}

// Text is a field's text, and "" where there is none.
func (f *Fact) Text(name string) string {
	v, _ := f.Get(name)
	return v.String()
}

// Is says whether a field is true.
func (f *Fact) Is(name string) bool { return f.Text(name) == "true" }

// Set adds a field or replaces it.
func (f *Fact) Set(name string, v Value) {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			f.Fields[i].Value = v
			return
		}
	}
	f.Fields = append(f.Fields, Field{name, v})
}

// say adds a text unless it is empty, cut to what a fact may hold.
func (f *Fact) say(name, s string) {
	if s != "" {
		f.Set(name, Text(f.cut(s)))
	}
}

// A fact has at most maxFields fields; a text has at most maxText bytes and a list maxItems texts. What is more is left
// out, and the field cut says so.
const (
	maxText   = 4096
	maxFields = 400
	maxItems  = 500
)

func (f *Fact) cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxText {
		return s
	}
	f.Set("cut", Bool(true))
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// add appends a text to a list, making one of a single text.
func (f *Fact) add(name string, v Value) {
	old, there := f.Get(name)
	switch {
	case !there && len(f.Fields) >= maxFields, old.Len() >= maxItems:
		f.Set("cut", Bool(true))
	case !there:
		f.Fields = append(f.Fields, Field{name, v})
	default:
		f.Set(name, List(append(slices.Clone(old.All()), v.All()...)))
	}
}

// stampLayout is how facts write times: UTC, to the millisecond at least.
const stampLayout = "2006-01-02T15:04:05.000Z07:00"

// AppendJSON appends the fact as one line of facts.jsonl, without its end.
func (f *Fact) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for _, field := range [...]struct{ name, value string }{
		{"kind", f.Kind}, {"account", f.Account}, {"time", stamp(f.Time)}, {"zone", f.Zone}, {"inferred", f.Inferred}, {"bundle", f.Bundle},
		{"exhibit", f.Exhibit}, {"at", f.Locator}, {"collector", f.Collector}, {"resource", f.Resource}, {"collected", stamp(f.Collected)},
	} {
		if field.value == "" {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), field.name...), '"', ':')
		b = googlelog.AppendText(b, field.value)
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = f.Fields.AppendJSON(append(b, `"fields":`...))
	return append(b, '}')
}

// AppendJSON appends the fields as an object.
func (fields Fields) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, field := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(googlelog.AppendText(b, field.Name), ':')
		b = field.Value.appendJSON(b)
	}
	return append(b, '}')
}

// ParseFields reads what Fields.AppendJSON wrote.
func ParseFields(data []byte) (Fields, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return nil, err
	}
	return FieldsOf(doc)
}

func (v Value) appendJSON(b []byte) []byte {
	switch v.form {
	case number, boolean:
		return append(b, v.one...)
	case list:
		b = append(b, '[')
		for i, s := range *v.texts {
			if i > 0 {
				b = append(b, ',')
			}
			b = googlelog.AppendText(b, s)
		}
		return append(b, ']')
	}
	return googlelog.AppendText(b, v.one)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampLayout)
}

// MarshalJSON implements json.Marshaler.
func (f *Fact) MarshalJSON() ([]byte, error) { return f.AppendJSON(nil), nil }

// UnmarshalJSON reads a line of facts.jsonl.
func (f *Fact) UnmarshalJSON(data []byte) error {
	if *f = (Fact{}); scanFact(data, f) {
		return nil
	}
	var doc struct {
		Kind, Account, Zone, Inferred, Bundle, Exhibit, At, Collector, Resource string
		Time, Collected                                                         time.Time
		Fields                                                                  map[string]any
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the fact")
	}
	*f = Fact{Kind: doc.Kind, Account: doc.Account, Collector: doc.Collector, Resource: doc.Resource, Bundle: doc.Bundle, Exhibit: doc.Exhibit,
		Locator: doc.At, Time: doc.Time, Zone: doc.Zone, Inferred: doc.Inferred, Collected: doc.Collected}
	fields, err := FieldsOf(doc.Fields)
	f.Fields = fields
	return err
}

// FieldsOf makes fields of what a JSON or YAML document has, in the order of their names.
func FieldsOf(doc map[string]any) (Fields, error) {
	names := make([]string, 0, len(doc))
	for name := range doc {
		names = append(names, name)
	}
	slices.Sort(names)
	fields := make(Fields, 0, len(names))
	for _, name := range names {
		v, err := valueOf(doc[name])
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		fields = append(fields, Field{strings.ToLower(name), v})
	}
	return fields, nil
}

func valueOf(x any) (Value, error) {
	switch x := x.(type) {
	case string:
		return Text(x), nil
	case bool:
		return Bool(x), nil
	case int:
		return Number(int64(x)), nil
	case int64:
		return Number(x), nil
	case json.Number:
		return Value{form: number, one: x.String()}, nil
	case []any:
		var texts []string
		for _, one := range x {
			v, err := valueOf(one)
			if err != nil || v.form == list {
				return Value{}, fmt.Errorf("a list has texts, this has %T", one)
			}
			texts = append(texts, v.one)
		}
		return List(texts), nil
	}
	return Value{}, fmt.Errorf("a fact has texts, numbers, true, false and lists, this is %T", x)
}
