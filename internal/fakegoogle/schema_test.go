package fakegoogle

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestConformanceCanFail shows the checker answers that do not conform.
func TestConformanceCanFail(t *testing.T) {
	d := served(t)["gmail.users.messages.get"].doc
	for name, bad := range map[string]object{
		"a field that no schema has":   {"id": "1", "colour": "red"},
		"one deeper":                   {"payload": object{"headers": []any{object{"nom": "From"}}}},
		"a number for a string":        {"id": 1.0},
		"a string for a number":        {"sizeEstimate": "12"},
		"a broken number":              {"sizeEstimate": 1.5},
		"words for a 64-bit integer":   {"historyId": "many"},
		"a minus for an unsigned one":  {"historyId": "-1"},
		"base64 of the other alphabet": {"raw": "+/+/"},
		"an object for a list":         {"labelIds": object{}},
		"a list for an object":         {"payload": []any{}},
		"a list of the wrong things":   {"labelIds": []any{true}},
	} {
		if problems := d.conforms(schema{Ref: "Message"}, map[string]any(bad), "Message"); len(problems) != 1 {
			t.Errorf("%s: the problems are %q", name, problems)
		}
	}
	filter := object{"criteria": object{"sizeComparison": "huge"}}
	if problems := d.conforms(schema{Ref: "Filter"}, map[string]any(filter), "Filter"); len(problems) != 1 {
		t.Errorf("a value outside its enumeration: the problems are %q", problems)
	}
}

// conforms says what of a value is not as the document's schema has it.
func (d document) conforms(s schema, value any, where string) []string {
	if s.Ref != "" {
		named, ok := d.Schemas[s.Ref]
		if !ok {
			return []string{where + ": no schema " + s.Ref}
		}
		s = named
	}
	var problems []string
	switch v := value.(type) {
	case map[string]any:
		if s.Type != "object" && s.Type != "any" {
			return []string{fmt.Sprintf("%s is an object, not %s", where, s.Type)}
		}
		for name, inner := range v {
			sub, known := s.Properties[name]
			if !known && s.Additional != nil {
				sub, known = *s.Additional, true
			}
			if !known && s.Type == "object" {
				problems = append(problems, where+"."+name+" is not in the schema")
				continue
			}
			if s.Type == "object" {
				problems = append(problems, d.conforms(sub, inner, where+"."+name)...)
			}
		}
	case []any:
		if s.Type == "any" {
			return nil
		}
		if s.Type != "array" {
			return []string{fmt.Sprintf("%s is a list, not %s", where, s.Type)}
		}
		for i, inner := range v {
			problems = append(problems, d.conforms(*s.Items, inner, fmt.Sprintf("%s[%d]", where, i))...)
		}
	default:
		if problem := s.scalar(value); problem != "" {
			problems = append(problems, where+" "+problem)
		}
	}
	return problems
}

// scalar says what is wrong with a string, a number or a boolean.
func (s schema) scalar(value any) string {
	switch v := value.(type) {
	case bool:
		if s.Type == "boolean" || s.Type == "any" {
			return ""
		}
	case float64:
		if s.Type == "number" || s.Type == "any" || s.Type == "integer" && v == float64(int64(v)) {
			return ""
		}
	case string:
		if s.Type == "any" {
			return ""
		}
		if s.Type == "string" {
			return s.format(v)
		}
	}
	return fmt.Sprintf("is %v (%T), not %s", value, value, s.Type)
}

// format says what is wrong with a string of a format.
func (s schema) format(v string) string {
	var err error
	switch s.Format {
	case "int64":
		_, err = strconv.ParseInt(v, 10, 64)
	case "uint64":
		_, err = strconv.ParseUint(v, 10, 64)
	case "date-time", "google-datetime":
		_, err = time.Parse(time.RFC3339, v)
	case "byte":
		_, err = base64.URLEncoding.DecodeString(v)
	}
	if err != nil {
		return fmt.Sprintf("is %q, which is not a %s", v, s.Format)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Sprintf("is %q, none of %v", v, s.Enum)
	}
	return ""
}

// TestApplications holds the list of applications to the document's.
func TestApplications(t *testing.T) {
	want := served(t)["reports.activities.list"].method.Parameters["applicationName"].Enum
	if got := applications(); !slices.Equal(got, want) {
		t.Errorf("the applications are %v\nand should be %v", got, want)
	}
}
