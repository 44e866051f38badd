package report

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/mbaudit/mbaudit/findings/decision"
)

//go:embed catalogue.yaml
var catalogueYAML []byte

// A catalogue has every text of the report, in both languages.
type catalogue map[string]decision.Text

// Languages lists what a report can be in.
func Languages() []string { return []string{"fr", "en"} }

// loadCatalogue reads the catalogue: a key, and under it the French text and the English one.
func loadCatalogue() (catalogue, error) {
	var doc map[string][]string
	if err := yaml.Unmarshal(catalogueYAML, &doc); err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	c := make(catalogue, len(doc))
	for key, texts := range doc {
		if len(texts) != 2 || texts[0] == "" || texts[1] == "" {
			return nil, fmt.Errorf("the catalogue's %s is not in two languages", key)
		}
		c[key] = decision.Text{FR: french(texts[0]), EN: texts[1]}
	}
	return c, nil
}
