package main

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// summary shows what the header of a message says, decoded, and warns where it would mislead a reader.
func (v *exhibitView) summary(r evidence.Record) error {
	if !selection.IsMessage(r.Exhibit) {
		return nil
	}
	body, err := selection.Message(v.b, r.Exhibit)
	if err != nil {
		return err
	}
	header, err := mailheader.Read(body, 0)
	if err != nil {
		return err
	}
	showHeader(page{v.t}, &header)
	v.t.print("")
	return nil
}

func showHeader(p page, header *mailheader.Header) {
	p.row("From", addressLine(header.Addresses("From")))
	p.row("To", addressLine(header.Addresses("To")))
	p.row("Subject", shortened(header.Text("Subject").Text))
	p.row("Date", dateLine(header))
	for _, warning := range headerWarnings(header) {
		p.row("warning", warning)
	}
}

// shortened keeps a line that a stranger wrote from filling the screen.
func shortened(text string) string {
	const most = 300
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// addressLine writes addresses for people, with the form that the DNS knows beside a domain that is not ASCII.
func addressLine(list mailheader.AddressList) string {
	const most = 5
	var parts []string
	for i := range list.Addresses {
		if i == most {
			parts = append(parts, moreThan(list, most))
			break
		}
		a := &list.Addresses[i]
		text := shortened(a.String())
		if a.Name != "" {
			text = strings.TrimSpace(shortened(a.Name) + " <" + text + ">")
		}
		if a.ASCII != a.Unicode {
			text += " (" + a.Unicode + " is " + shortened(a.ASCII) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// moreThan says how many addresses are left out. Of a list that was not read to its end nobody knows.
func moreThan(list mailheader.AddressList, most int) string {
	if list.Truncated {
		return "and more"
	}
	return fmt.Sprintf("and %d more", len(list.Addresses)-most)
}

func dateLine(header *mailheader.Header) string {
	date, found := header.Date()
	switch {
	case !found:
		return "none"
	case date.Unparsable:
		return shortened(date.Text) + " (cannot be read as a date)"
	}
	return date.Time.Format("2006-01-02 15:04:05 -0700")
}

// headerWarnings says where programs would show different things, or a reader sees another sender than there is.
func headerWarnings(header *mailheader.Header) []string {
	const most = 5
	var warnings []string
	for _, d := range header.Duplicates() {
		text := fmt.Sprintf("%d %s fields with the same value", d.Count, d.Name)
		if d.Differ {
			text = fmt.Sprintf("%d %s fields that differ: which one a program shows is not known", d.Count, d.Name)
		}
		warnings = append(warnings, text)
	}
	for _, name := range []string{"From", "Reply-To", "Sender"} {
		list := header.Addresses(name)
		for i := range list.Addresses {
			a := &list.Addresses[i]
			if len(a.Others) > 0 && len(warnings) < 4*most {
				others := a.Others[:min(len(a.Others), most)]
				warnings = append(warnings, fmt.Sprintf("the name in %s holds an address that is not the sender's: %s", name, shortened(strings.Join(others, ", "))))
			}
		}
	}
	return warnings
}
