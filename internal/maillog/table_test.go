package maillog

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the lines in testdata give now; read the difference before you keep it")

// render writes what an event says, one word a field, in the order of the type.
func render(e *Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s | %s", e.Format, e.Kind)
	if !e.Time.IsZero() {
		fmt.Fprintf(&b, " | %s", e.Time.Format("2006-01-02T15:04:05.999999999Z07:00"))
	}
	if e.Inferred != 0 {
		fmt.Fprintf(&b, " (%s)", e.Inferred)
	}
	v := reflect.ValueOf(*e)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch name {
		case "Time", "Inferred", "Kind", "Format", "Offset", "Line", "HasBytes":
			continue
		case "BytesIn", "BytesOut":
			if e.HasBytes {
				fmt.Fprintf(&b, " | %s=%d", name, v.Field(i).Int())
			}
			continue
		}
		if !v.Field(i).IsZero() {
			fmt.Fprintf(&b, " | %s=%q", name, fmt.Sprint(v.Field(i).Interface()))
		}
	}
	return b.String()
}

// arrow begins the line that says what the line above it gives.
const arrow = "    -> "

// TestTable reads each line of testdata and compares all of what it gives, and wants an example of each format.
func TestTable(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files of examples: %v", len(files), err)
	}
	used := map[string]int{}
	lines, parsed := 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		p := NewParser(Options{Year: 2024})
		var expected, got string
		check := func() {
			if got != "" && expected != got && !*update {
				t.Errorf("%s:\n got %s\nwant %s", file, got, expected)
			}
			expected, got = "", ""
		}
		s := bufio.NewScanner(bytes.NewReader(raw))
		for s.Scan() {
			line := s.Text()
			if want, ok := strings.CutPrefix(line, arrow); ok {
				expected = want
				continue
			}
			check()
			out.WriteString(line + "\n")
			var e Event
			reason := ReasonEmpty
			if !strings.HasPrefix(line, "# ") {
				p.clock.last = 0 // the examples are of all seasons
				reason = p.Parse(line, &e)
			}
			if strings.HasPrefix(line, "# ") || line == "" || reason == ReasonHeading {
				continue
			}
			lines++
			if reason != "" {
				t.Errorf("%s: %s: %s", file, reason, line)
				continue
			}
			parsed++
			used[e.Format]++
			got = render(&e)
			fmt.Fprintf(&out, "%s%s\n", arrow, got)
		}
		check()
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d of %d sample lines parsed (%.1f %%), %d formats", parsed, lines, 100*float64(parsed)/float64(lines), len(formats))
	for _, f := range Formats() {
		if used[f.Name] == 0 {
			t.Errorf("testdata has no example of %q", f.Name)
		}
		if f.Line == "" || f.Program == "" || f.Gives == "" {
			t.Errorf("the entry %q says too little", f.Name)
		}
	}
}

func utc(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 12, 0, 0, 0, time.UTC)
}
