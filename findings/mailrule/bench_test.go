package mailrule

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkCorpus reads the whole corpus and computes signals, score and sentences; a source is a script or an account's
// filters.
func BenchmarkCorpus(b *testing.B) {
	cases := append(readCorpus(b, "design"), readCorpus(b, "heldout")...)
	ctx := ownCompany()
	for b.Loop() {
		for _, c := range cases {
			switch c.set.Dialect {
			case Sieve:
				ParseSieve(c.source, SieveOptions{}).Worst(ctx)
			case GmailForwarding:
				ParseGmailForwarding(c.source).Worst(ctx)
			default:
				ParseGmailFilters(c.source, GmailOptions{}).Worst(ctx)
			}
		}
	}
	b.ReportMetric(float64(len(cases)*b.N)/b.Elapsed().Seconds(), "sources/s")
}

// hostileSources are as bad as the bounds allow.
func hostileSources() map[string][]byte {
	var chain bytes.Buffer
	chain.WriteString(`if size :over 1 { discard; }`)
	for i := range 4000 {
		fmt.Fprintf(&chain, "elsif header :contains \"subject\" \"facture %d\" { redirect \"a%d@out.example\"; stop; }\n", i, i)
	}
	var stops bytes.Buffer
	for i := range 4000 {
		fmt.Fprintf(&stops, "if anyof(header :contains \"from\" \"x%d\", size :over %d) { redirect \"a@b.c\"; stop; }\n", i, i)
	}
	var patterns bytes.Buffer
	patterns.WriteString("require \"regex\";")
	for i := range 450 {
		fmt.Fprintf(&patterns, "if header :regex \"subject\" \"%s%d\" { discard; }\n", strings.Repeat("(a|b)*.{0,50}", 150), i)
	}
	return map[string][]byte{
		"chain":    chain.Bytes(),
		"stops":    stops.Bytes(),
		"patterns": patterns.Bytes(),
		"doubling": []byte(`require "variables"; set "a" "xxxxxxxx";` + strings.Repeat(`set "a" "${a}${a}"; if size :over 1 { set "a" "y${a}"; }`, 3000) + `redirect "${a}";`),
		"one list": []byte(`if header :contains "subject" [` + strings.Repeat(`"facture",`, 80_000) + `"x"] { discard; }`),
		"one word": []byte(`if header :matches "subject" "` + strings.Repeat("*a", 400_000) + `" { discard; }`),
		"openings": []byte(strings.Repeat("if true {", 100_000)),
		"blanks":   []byte(strings.Repeat("keep;;\n", 100_000)),
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, source := range hostileSources() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				set := ParseSieve(source, SieveOptions{})
				set.Worst(ownCompany())
			}
		})
	}
}
