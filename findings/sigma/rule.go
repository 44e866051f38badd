package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The bounds of what is read.
const (
	MaxFile       = 1 << 20
	maxDocuments  = 500
	maxSelections = 200
	maxValues     = 20_000
	maxNesting    = 50
)

// ErrUnsupported says that a rule asks for something that this package does not do.
var ErrUnsupported = errors.New("it is not supported")

// A Logsource says which events a rule is about. What is empty is any.
type Logsource struct {
	Product  string `yaml:"product"`
	Category string `yaml:"category"`
	Service  string `yaml:"service"`
}

// A Rule is a detection or a correlation.
type Rule struct {
	Title          string    `yaml:"title"`
	ID             string    `yaml:"id"`
	Name           string    `yaml:"name"`
	Status         string    `yaml:"status"`
	Level          string    `yaml:"level"`
	Author         string    `yaml:"author"`
	License        string    `yaml:"license"`
	Description    string    `yaml:"description"`
	Tags           []string  `yaml:"tags"`
	References     []string  `yaml:"references"`
	FalsePositives []string  `yaml:"falsepositives"`
	Logsource      Logsource `yaml:"logsource"`

	Correlation *Correlation `yaml:"-"`

	// Own has the blocks that Sigma leaves to its users, by their names.
	Own map[string]yaml.Node `yaml:",inline"`

	selections map[string]node
	condition  expression
}

// Parse reads the rules of a file. What it can read it gives, and the error, which joins one for each rule that it cannot.
func Parse(data []byte) ([]*Rule, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("a file of rules has at most %d bytes", MaxFile)
	}
	var rules []*Rule
	var all []error
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if err == io.EOF {
			return rules, errors.Join(all...)
		}
		if err != nil || n > maxDocuments {
			return rules, errors.Join(append(all, fmt.Errorf("document %d: %w", n, errOr(err)))...)
		}
		r, err := parseRule(&doc)
		if err != nil {
			all = append(all, fmt.Errorf("document %d: %w", n, err))
			continue
		}
		rules = append(rules, r)
	}
}

func errOr(err error) error {
	if err == nil {
		return fmt.Errorf("a file has at most %d documents", maxDocuments)
	}
	return err
}

func parseRule(doc *yaml.Node) (*Rule, error) {
	r := &Rule{}
	if err := doc.Decode(r); err != nil {
		return nil, err
	}
	if r.Title == "" {
		return nil, errors.New("the rule has no title")
	}
	detection, detects := r.Own["detection"]
	correlation, correlates := r.Own["correlation"]
	var err error
	switch {
	case detects == correlates:
		err = errors.New("a rule has a detection or a correlation")
	case correlates:
		r.Correlation, err = parseCorrelation(&correlation)
	default:
		err = r.compile(&detection)
	}
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", r.Title, err)
	}
	return r, nil
}

// Key is the name by which correlations speak of the rule: its name, else its id.
func (r *Rule) Key() string {
	if r.Name != "" {
		return r.Name
	}
	return r.ID
}

// Techniques lists the ATT&CK ids among the tags, in upper case.
func (r *Rule) Techniques() []string {
	var all []string
	for _, tag := range r.Tags {
		if id, ok := strings.CutPrefix(strings.ToLower(tag), "attack.t"); ok && len(id) > 0 && id[0] >= '0' && id[0] <= '9' {
			all = append(all, "T"+id)
		}
	}
	return all
}

// compile reads the detection.
func (r *Rule) compile(detection *yaml.Node) error {
	if detection.Kind != yaml.MappingNode {
		return errors.New("the detection is no map")
	}
	c := &compiler{}
	r.selections = map[string]node{}
	var conditions []string
	for i := 0; i+1 < len(detection.Content); i += 2 {
		name, value := detection.Content[i].Value, detection.Content[i+1]
		switch strings.ToLower(name) {
		case "condition":
			if err := value.Decode(&conditions); err != nil {
				conditions = []string{value.Value}
			}
		case "timeframe":
			return fmt.Errorf("timeframe: %w: write a correlation", ErrUnsupported)
		default:
			n, err := c.selection(value)
			if err != nil {
				return fmt.Errorf("selection %s: %w", name, err)
			}
			r.selections[name] = n
		}
	}
	if len(conditions) == 0 || len(r.selections) == 0 || len(r.selections) > maxSelections {
		return fmt.Errorf("a detection has a condition and 1 to %d selections", maxSelections)
	}
	for _, text := range conditions {
		e, err := parseCondition(text, r.selections)
		if err != nil {
			return fmt.Errorf("condition %q: %w", text, err)
		}
		if r.condition == nil {
			r.condition = e
		} else {
			r.condition = either{r.condition, e}
		}
	}
	return nil
}

// An Event is what a rule is evaluated over.
type Event interface {
	// Values gives the texts of a field, whose name is in lower case; ok is false where there is no such field.
	Values(field string) (texts []string, ok bool)

	// Texts gives every text of the event, for keywords.
	Texts(yield func(text string) bool)
}

// Match says whether a detection holds for an event. A correlation never does.
func (r *Rule) Match(e Event) bool { return r.condition != nil && r.condition.holds(r, e) }

// Demands says which texts, in lower case, a field must have one of for the detection to hold; ok is false where it holds with others,
// or without the field, too. Who evaluates many rules passes over those whose demands an event does not meet.
func (r *Rule) Demands(field string) (words []string, ok bool) {
	if r.condition == nil {
		return nil, false
	}
	return r.condition.demands(r, field)
}

// Fields lists, in lower case, the fields by which a rule that holds for an event does so.
func (r *Rule) Fields(e Event) []string {
	f := &fieldList{}
	if r.condition != nil {
		r.condition.explain(r, e, f)
	}
	return f.names
}

type fieldList struct{ names []string }

func (f *fieldList) add(name string) {
	for _, n := range f.names {
		if n == name {
			return
		}
	}
	f.names = append(f.names, name)
}

// Reads lists, in lower case, all fields that the rule looks at.
func (r *Rule) Reads() []string {
	f := &fieldList{}
	for _, s := range r.selections {
		s.fields(f)
	}
	return f.names
}
