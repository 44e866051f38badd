package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// toldSettings are what one document of settings says.
type toldSettings struct {
	ID        string              `json:"id"` // P-000042
	Account   string              `json:"account"`
	Kind      string              `json:"kind"`
	Sentences []settings.Sentence `json:"sentences"`
	Problem   string              `json:"problem,omitempty"` // the document cannot be read

	// Mailboxes is how many mailboxes of the account the rights were asked of, Unknown of how many nobody knows who has
	// rights.
	Mailboxes int `json:"mailboxes,omitempty"`
	Unknown   int `json:"unknown,omitempty"`
}

// readSettings reads the documents of settings in a bundle. It stops at the last one that the coverage promises, so
// that a summary of a million messages does not take reading a million lines.
func readSettings(b *evidence.Bundle) ([]toldSettings, error) {
	promised := 0
	for _, row := range b.Coverage {
		switch row.Resource {
		case settings.ACL, settings.Metadata, settings.Quota, settings.Mailboxes:
			if row.Got > 0 {
				promised++
			}
		}
	}
	var all []toldSettings
	if promised == 0 {
		return nil, nil
	}
	for r, err := range b.Records() {
		if err != nil {
			return nil, err
		}
		if r.Exhibit == nil || r.Exhibit.MediaType != settings.MediaType {
			continue
		}
		told, err := tell(b, r)
		if err != nil {
			return nil, err
		}
		all = append(all, told)
		if promised--; promised == 0 {
			break
		}
	}
	return all, nil
}

func tell(b *evidence.Bundle, r evidence.Record) (toldSettings, error) {
	told := toldSettings{ID: r.ID(), Account: r.Exhibit.Account, Kind: r.Exhibit.Resource}
	if r.Exhibit.Size > settings.MaxSize {
		told.Problem = fmt.Sprintf("it has %d bytes, more than a document of settings has", r.Exhibit.Size)
		return told, nil
	}
	body, err := b.Body(r.Exhibit)
	if err != nil {
		return told, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return told, fmt.Errorf("reading %s: %w", told.ID, err)
	}
	doc, err := settings.Parse(data)
	if err != nil {
		told.Problem = err.Error()
		return told, nil
	}
	told.Sentences = doc.Sentences()
	for _, rights := range doc.Rights {
		if rights.Of != "personal" {
			continue
		}
		told.Mailboxes++
		if rights.Entries == nil {
			told.Unknown++
		}
	}
	return told, nil
}

// showSettings prints who else has rights, what the account sees of others, annotations and quota.
func showSettings(t *terminal, all []toldSettings, accounts int) {
	const most = 8 // of a topic
	silent := func(told toldSettings) bool {
		return len(told.Sentences) == 0 && told.Problem == "" && told.Kind != settings.ACL
	}
	if all = slices.DeleteFunc(slices.Clone(all), silent); len(all) == 0 {
		return
	}
	t.print("")
	p := page{t}
	for _, told := range all {
		if accounts > 1 && (len(told.Sentences) > 0 || told.Kind == settings.ACL) {
			p.row("of", told.Account)
		}
		if told.Problem != "" {
			p.row(told.Kind, told.ID+" cannot be read: "+told.Problem)
		}
		count := map[string]int{}
		for _, s := range told.Sentences {
			count[s.Topic]++
			if count[s.Topic] <= most {
				p.row(s.Topic, visible.Cut(s.Text, longestWords))
			}
		}
		for _, topic := range []string{"metadata", "quota", "rights", "sees"} {
			if more := count[topic] - most; more > 0 {
				p.row(topic, fmt.Sprintf("… and %d more: mbaudit show BUNDLE %s", more, told.ID))
			}
		}
		if told.Kind != settings.ACL {
			continue
		}
		if told.Unknown > 0 {
			p.row("rights", fmt.Sprintf("not known of %d of %s: the gaps say why", told.Unknown, plural(int64(told.Mailboxes), "mailbox")))
		} else if count["rights"] == 0 && told.Problem == "" {
			p.row("rights", fmt.Sprintf("nobody else has any in the account's mailboxes (%d)", told.Mailboxes))
		}
	}
}
