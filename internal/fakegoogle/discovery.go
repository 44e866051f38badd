package fakegoogle

import (
	_ "embed" // the extract of Google's discovery documents
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// discoveryJSON is what Google's own discovery documents say of the methods served here. TestExtract makes it from the
// module google.golang.org/api (with -update) and fails when it is not what they say.
//
//go:embed discovery.json
var discoveryJSON []byte

// An extract is the part of Google's discovery documents that a tenant serves.
type extract struct {
	Module string         `json:"module"` // path and version of the module that the documents come from
	APIs   []apiDiscovery `json:"apis"`
}

// An apiDiscovery is what one discovery document says of the methods served here.
type apiDiscovery struct {
	Document   string                 `json:"document"` // the file in the module
	Name       string                 `json:"name"`
	Title      string                 `json:"title"`
	Revision   string                 `json:"revision"`
	Host       string                 `json:"host"`
	Scopes     []string               `json:"scopes"`     // all that the document knows
	Parameters map[string]schema      `json:"parameters"` // of all methods
	Methods    []method               `json:"methods"`
	Schemas    map[string]schemaProps `json:"schemas"` // of request bodies, and what they refer to
}

// A method is one call of an API.
type method struct {
	ID         string            `json:"id"`
	Verb       string            `json:"verb"`
	Path       string            `json:"path"` // from the root of the host
	Scopes     []string          `json:"scopes"`
	Parameters map[string]schema `json:"parameters,omitempty"` // of the query; those of the path are in Path
	Request    string            `json:"request,omitempty"`
	Response   string            `json:"response,omitempty"`

	api      *apiDiscovery
	segments []string
}

// A schema is a JSON Schema as Google's documents use it.
type schema struct {
	Type       string            `json:"type,omitempty"`
	Format     string            `json:"format,omitempty"`
	Ref        string            `json:"$ref,omitempty"`
	Enum       []string          `json:"enum,omitempty"`
	Minimum    string            `json:"minimum,omitempty"`
	Maximum    string            `json:"maximum,omitempty"`
	Pattern    string            `json:"pattern,omitempty"`
	Repeated   bool              `json:"repeated,omitempty"`
	Required   bool              `json:"required,omitempty"`
	Location   string            `json:"location,omitempty"`
	Items      *schema           `json:"items,omitempty"`
	Properties map[string]schema `json:"properties,omitempty"`
	Additional *schema           `json:"additionalProperties,omitempty"`
}

// schemaProps is a named schema.
type schemaProps = schema

// loadDiscovery reads the extract; it is part of the program, so an error is a programmer's.
func loadDiscovery() *extract {
	var e extract
	if err := json.Unmarshal(discoveryJSON, &e); err != nil {
		panic("fakegoogle: discovery.json: " + err.Error())
	}
	for i := range e.APIs {
		api := &e.APIs[i]
		for j := range api.Methods {
			api.Methods[j].api = api
			api.Methods[j].segments = strings.Split(api.Methods[j].Path, "/")
		}
	}
	return &e
}

// service is the name under which a project enables an API.
func (api *apiDiscovery) service() string {
	switch {
	case api.Host != "www.googleapis.com":
		return api.Host
	case api.Name == "calendar":
		return "calendar-json.googleapis.com"
	}
	return api.Name + ".googleapis.com"
}

// route finds the method for a request. Any other host than Google's stands for all of them: their paths differ.
func (e *extract) route(host, verb, escapedPath string) (*method, map[string]string) {
	segments := strings.Split(strings.TrimPrefix(escapedPath, "/"), "/")
	google := strings.HasSuffix(host, ".googleapis.com")
	for i := range e.APIs {
		api := &e.APIs[i]
		if google && api.Host != host {
			continue
		}
		for j := range api.Methods {
			if m := &api.Methods[j]; m.Verb == verb {
				if path, ok := m.match(segments); ok {
					return m, path
				}
			}
		}
	}
	return nil, nil
}

// match compares a request's path with the template, such as v1/devices/{devicesId}:wipe.
func (m *method) match(segments []string) (map[string]string, bool) {
	if len(segments) != len(m.segments) {
		return nil, false
	}
	path := map[string]string{}
	for i, want := range m.segments {
		got, err := url.PathUnescape(segments[i])
		if err != nil {
			return nil, false
		}
		name, found := strings.CutPrefix(want, "{")
		if !found {
			if got != want {
				return nil, false
			}
			continue
		}
		name, suffix, _ := strings.Cut(name, "}")
		value, found := strings.CutSuffix(got, suffix)
		if !found || value == "" || suffix == "" && strings.Contains(value, ":") && m.customVerb(value) {
			return nil, false
		}
		path[name] = value
	}
	return path, true
}

// customVerb says that a value ends with the custom verb of another method, as in devices/d1:wipe.
func (m *method) customVerb(value string) bool {
	_, verb, _ := strings.Cut(value, ":")
	return slices.ContainsFunc(m.api.Methods, func(other method) bool { return strings.HasSuffix(other.Path, "}:"+verb) })
}

// checkQuery refuses what Google refuses: parameters that the method does not have, missing ones, values of another
// type, out of range or not in the enumeration.
func (m *method) checkQuery(query url.Values) *apiError {
	for name, values := range query {
		s, known := m.Parameters[name]
		if !known {
			s, known = m.api.Parameters[name]
		}
		if !known {
			return invalidArgument("Invalid JSON payload received. Unknown name %q: Cannot bind query parameter. Field %q could not be found in request message.", name, name)
		}
		if len(values) > 1 && !s.Repeated {
			return invalidArgument("Invalid value at '%s', Cannot bind a repeated query parameter to a field that is not", name)
		}
		for _, value := range values {
			if err := s.checkText(name, value); err != nil {
				return err
			}
		}
	}
	for name, s := range m.Parameters {
		if s.Required && !query.Has(name) {
			return required(name)
		}
	}
	return nil
}

// checkText checks the text of a query parameter.
func (s schema) checkText(name, value string) *apiError {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		return invalidArgument("Invalid value at '%s' (TYPE_ENUM), %q", name, value)
	}
	if s.Pattern != "" && value != "" && !regexp.MustCompile("^(?:"+s.Pattern+")$").MatchString(value) {
		return invalidParameter(name, "Invalid value '%s'. Value must match the following regular expression: '%s'", value, s.Pattern)
	}
	switch s.Type {
	case "boolean":
		if value != "true" && value != "false" {
			return invalidArgument("Invalid value at '%s' (TYPE_BOOL), %q", name, value)
		}
	case "integer":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return invalidArgument("Invalid value at '%s' (TYPE_INT32), %q", name, value)
		}
		if low, err := strconv.ParseInt(s.Minimum, 10, 64); err == nil && n < low {
			return invalidParameter(name, "Invalid value '%s'. Values must be within the range: [%s, %s]", value, s.Minimum, s.Maximum)
		}
		if high, err := strconv.ParseInt(s.Maximum, 10, 64); err == nil && n > high {
			return invalidParameter(name, "Invalid value '%s'. Values must be within the range: [%s, %s]", value, s.Minimum, s.Maximum)
		}
	case "string":
		if s.Format == "uint64" || s.Format == "int64" {
			if _, err := strconv.ParseUint(value, 10, 64); err != nil {
				return invalidArgument("Invalid value at '%s' (TYPE_UINT64), %q", name, value)
			}
		}
	}
	return nil
}

// checkBody refuses fields that the request's schema does not have and values of another type.
func (m *method) checkBody(body object) *apiError {
	if m.Request == "" {
		return nil
	}
	if problem := m.api.check("", schema{Ref: m.Request}, map[string]any(body)); problem != "" {
		return invalidArgument("Invalid JSON payload received. %s", problem)
	}
	return nil
}

// check says what of a value is not as its schema has it, or "".
func (api *apiDiscovery) check(where string, s schema, value any) string {
	if s.Ref != "" {
		s = api.Schemas[s.Ref]
	}
	switch v := value.(type) {
	case nil:
		return ""
	case map[string]any:
		for name, field := range v {
			sub, known := s.Properties[name]
			if !known && s.Additional != nil {
				sub, known = *s.Additional, true
			}
			if !known && s.Type != "any" {
				return "Unknown name \"" + name + "\" at '" + where + "': Cannot find field."
			}
			if problem := api.check(where+"."+name, sub, field); problem != "" {
				return problem
			}
		}
	case []any:
		if s.Type == "array" {
			for _, item := range v {
				if problem := api.check(where, *s.Items, item); problem != "" {
					return problem
				}
			}
		}
	}
	if !s.takes(value) {
		return "Invalid value at '" + where + "' (" + s.Type + ")"
	}
	return ""
}

// takes says whether a decoded JSON value has the schema's type.
func (s schema) takes(value any) bool {
	var ok bool
	switch s.Type {
	case "any", "":
		return true
	case "object":
		_, ok = value.(map[string]any)
	case "array":
		_, ok = value.([]any)
	case "boolean":
		_, ok = value.(bool)
	case "integer", "number":
		_, ok = value.(float64)
	case "string":
		text, isText := value.(string)
		_, isNumber := value.(float64) // proto3 JSON takes numbers for 64-bit integers
		ok = isText && (len(s.Enum) == 0 || slices.Contains(s.Enum, text)) || isNumber && (s.Format == "int64" || s.Format == "uint64")
	}
	return ok
}
