package report

import (
	"fmt"
	"io"
	"strings"
)

// Markdown writes the report for those who read or keep it as text. Nothing that came out of a mailbox is markup, HTML or a
// link in it. A picture is told in words.
func Markdown(w io.Writer, m *Model, language string) error {
	p, err := newPage(m, language)
	if err != nil {
		return err
	}
	d := p.document()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n**%s**\n\n", plain(d.Title), plain(d.Marking))
	for _, x := range d.Meta {
		fmt.Fprintf(&b, "- %s: %s\n", plain(x.Name), plain(x.Value))
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n## %s %s\n", s.Number, plain(s.Title))
		for _, x := range s.Blocks {
			markdownBlock(&b, x)
		}
	}
	fmt.Fprintf(&b, "\n---\n%s\n", plain(p.t("derived")))
	_, err = io.WriteString(w, b.String())
	return err
}

func markdownBlock(b *strings.Builder, x block) {
	switch x.Kind {
	case "text", "note":
		fmt.Fprintf(b, "\n%s\n", plain(x.Text))
	case "warn":
		fmt.Fprintf(b, "\n> **%s**\n", plain(x.Text))
	case "heading":
		fmt.Fprintf(b, "\n### %s\n", plain(x.Text))
	case "list", "checks", "letter":
		begin := map[string]string{"list": "- ", "checks": "- [ ] ", "letter": "> "}[x.Kind]
		b.WriteByte('\n')
		for _, item := range x.Items {
			fmt.Fprintf(b, "%s%s\n", begin, plain(item))
		}
	case "pairs":
		b.WriteByte('\n')
		for _, one := range x.Pairs {
			fmt.Fprintf(b, "- %s: %s\n", plain(one.Name), plain(one.Value))
		}
	case "level":
		b.WriteByte('\n')
		for _, one := range x.Pairs {
			fmt.Fprintf(b, "- %s: **%s**\n", plain(one.Name), plain(one.Value))
		}
		if x.Text != "" {
			fmt.Fprintf(b, "\n%s\n", plain(x.Text))
		}
	case "sum":
		fmt.Fprintf(b, "\n%s:\n\n", plain(x.Text))
		for _, sum := range x.Items {
			fmt.Fprintf(b, "    %s\n", sum)
		}
	case "columns", "column":
		for _, one := range x.Blocks {
			markdownBlock(b, one)
		}
	case "picture":
		said := x.Picture.Desc
		if len(x.Picture.Shapes) == 0 {
			said = x.Picture.Empty
		}
		fmt.Fprintf(b, "\n*%s.* %s\n", plain(x.Picture.Title), plain(said))
	case "table":
		markdownTable(b, x)
	}
}

func markdownTable(b *strings.Builder, x block) {
	b.WriteString("\n|")
	for _, h := range x.Head {
		fmt.Fprintf(b, " %s |", plain(h))
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(x.Head)) + "\n")
	for _, r := range x.Rows {
		b.WriteByte('|')
		for _, c := range r.Cells {
			text := plain(c.Text)
			if c.Class == "struck" {
				text = "~~" + text + "~~"
			}
			if c.Sub != "" {
				text += "<br>" + plain(c.Sub)
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteByte('\n')
	}
}

// plain makes a text, which is visible already, stand for itself: nothing in it is markup, HTML or becomes a link.
func plain(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>#|~!&$@", r), strings.ContainsRune("+-=", r) && i == 0, r == ':' && strings.HasPrefix(s[i:], "://"),
			r == '.' && (numbered(s[:i]) || i >= 3 && strings.EqualFold(s[i-3:i], "www")), r == ')' && numbered(s[:i]):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// numbered says whether a text is digits only: with a dot after it, Markdown would make a list of it.
func numbered(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
