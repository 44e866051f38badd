package selection

import (
	"io"
	"strings"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// A Head is what the header of a message says, decoded for reading: encoded words (RFC 2047) and bytes that are not
// UTF-8 are turned into text as well as can be. Several fields of a name are joined by line breaks.
type Head struct {
	Subject     string
	From        string
	Date        string
	Sensitivity string // RFC 4021 section 2.1.55: Personal, Private, Company-Confidential
}

// maxHead is how much of a message is looked at for its header.
const maxHead = 256 << 10

// ReadHead reads the header at the beginning of a message, up to its first 256 KiB. It never fails for what the bytes
// are: lines that make no sense are passed over. The error is the reader's.
func ReadHead(r io.Reader) (Head, error) {
	header, err := mailheader.Read(r, maxHead)
	return HeadOf(&header), err
}

// HeadOf is ReadHead for a header that is taken apart already.
func HeadOf(header *mailheader.Header) Head {
	return Head{Subject: joined(header, "Subject"), From: joined(header, "From"), Date: joined(header, "Date"), Sensitivity: joined(header, "Sensitivity")}
}

// joined decodes all fields of a name. What is in no known character set is guessed: of a word that marks a message as
// personal too many are better than too few.
func joined(header *mailheader.Header, name string) string {
	var text strings.Builder
	for i, f := range header.All(name) {
		if text.Len() > 0 {
			text.WriteByte('\n')
		}
		value, _ := f.Unfolded()
		text.WriteString(mailheader.Guess(strings.TrimSpace(value + strayLines(header.Fields[i+1:]))))
	}
	return text.String()
}

// strayLines gives the folded lines of what follows a field and is none for the lack of a colon. Some programs take them
// for a part of the field, and so show them as one.
func strayLines(fields []mailheader.Field) string {
	var text strings.Builder
	for i := range fields {
		if fields[i].Kind != mailheader.NoColon {
			break
		}
		_, folded, _ := strings.Cut(string(fields[i].Raw), "\n")
		for line := range strings.SplitSeq(folded, "\n") {
			text.WriteString(strings.TrimRight(line, "\r"))
		}
	}
	return text.String()
}
