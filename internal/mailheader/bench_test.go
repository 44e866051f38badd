package mailheader

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// ratio runs read over data, and reports its speed and how many times longer it takes than bytes.Count over the same.
func ratio(b *testing.B, data []byte, read func()) {
	b.Helper()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		read()
	}
	each := b.Elapsed() / time.Duration(b.N)
	start := time.Now()
	rounds := 0
	for time.Since(start) < 50*time.Millisecond {
		bytes.Count(data, []byte("\r\n"))
		rounds++
	}
	b.ReportMetric(float64(each)/float64(time.Since(start)/time.Duration(rounds)), "x-count")
}

// BenchmarkSeeded is about headers as they are: of 2,000 seeded messages.
func BenchmarkSeeded(b *testing.B) {
	var blocks [][]byte
	for m := range seedmail.Mailbox(seedmail.Spec{Seed: 77, Messages: 2000, MeanSize: 200}) {
		h := Split(m.Raw)
		blocks = append(blocks, h.Block)
	}
	all := bytes.Join(blocks, nil)
	b.Run("split", func(b *testing.B) {
		ratio(b, all, func() {
			for _, block := range blocks {
				Split(block)
			}
		})
	})
	b.Run("summary", func(b *testing.B) {
		ratio(b, all, func() {
			for _, block := range blocks {
				h := Split(block)
				h.Addresses("From")
				h.Addresses("To")
				h.Text("Subject")
				h.Date()
				h.Duplicates()
			}
		})
	})
	b.Run("all-views", func(b *testing.B) {
		ratio(b, all, func() {
			for _, block := range blocks {
				h := Split(block)
				views(&h)
			}
		})
	})
}

// hostile lists values that a careless parser reads in quadratic time, each to be repeated.
func hostile() map[string]string {
	return map[string]string{
		"words": "=?utf-8?q?=C3=A9?= ", "open-words": "=?utf-8?q?", "half-words": "=?", "mixed-words": "=?utf-8?q?a?= =?iso-8859-1?b?4Q==?= ",
		"comments": "(", "closed-comments": "((a)", "quotes": "\"", "escapes": "\\\"", "angles": "<", "closed-angles": "<a>", "ats": "a@b ", "at-signs": "@",
		"commas": ",", "names": "a, ", "groups": "g:;", "semicolons": ";", "pairs": "a=b;", "sections": "a*0*=b;", "brackets": "a@[", "folds": "a\r\n ",
		"colons": "a:", "dots": "1.2.3.", "hex": "a:b:", "CRs": "\r", "full-width": "a\uFF20b.c ", "8-bit": "\xe9", "words-in-quotes": "\"=?utf-8?q?a?=\"",
	}
}

// BenchmarkHostile gives every parser one field of 256 KiB and one of 1 MiB: where the time is linear the speeds are alike.
func BenchmarkHostile(b *testing.B) {
	for name, unit := range hostile() {
		for size, bytes := range map[string]int{"quarter": MaxValue / 4, "whole": MaxValue} {
			data := hostileHeader(strings.Repeat(unit, bytes/len(unit)))
			b.Run(name+"/"+size, func(b *testing.B) {
				ratio(b, data, func() {
					h := Split(data)
					views(&h)
				})
			})
		}
	}
}

// hostileHeader has the value in one field of each kind.
func hostileHeader(value string) []byte {
	var out strings.Builder
	for _, name := range []string{"From", "Subject", "Date", "References", "Received", "Authentication-Results", "DKIM-Signature", "Received-SPF",
		"Content-Type", "X-Originating-IP", "List-Unsubscribe"} {
		out.WriteString(name + ": " + value + "\r\n")
	}
	return []byte(out.String())
}

// BenchmarkFields is about very many fields, and about one very long one.
func BenchmarkFields(b *testing.B) {
	for name, data := range map[string][]byte{
		"100000": bytes.Repeat([]byte("X-Spam-Something: a value of some length\r\n"), 100_000),
		"10MB":   append([]byte("Subject: "), bytes.Repeat([]byte("0123456789"), 1_000_000)...),
		"folded": bytes.Repeat([]byte("Subject: x\r\n "), 500_000),
	} {
		b.Run(name, func(b *testing.B) {
			ratio(b, data, func() {
				h, err := Read(bytes.NewReader(data), 0)
				if err != nil || len(h.Fields) == 0 {
					b.Fatal(err)
				}
				h.Text("Subject")
			})
		})
	}
}
