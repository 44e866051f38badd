package mailheader

import (
	"strconv"
	"strings"
	"time"
)

// A Date is a date field's value. Time is zero where Unparsable holds; else it is in the zone that was written.
type Date struct {
	Time       time.Time
	Text       string // as written, decoded
	Zone       string // as written: "+0100", "EST", "-0000"; "" where none is
	Unparsable bool
	Problems   []Problem
}

// Date reads the topmost Date field; ok is false where there is none. Several of them are a problem.
func (h *Header) Date() (d Date, ok bool) {
	f := h.First("Date")
	if f == nil {
		return Date{}, false
	}
	value, cut := f.Unfolded()
	d = ParseDate(value)
	if cut {
		d.Problems = add(d.Problems, ProblemCut)
	}
	if h.Count("Date") > 1 {
		d.Problems = add(d.Problems, ProblemSeveral)
	}
	return d, true
}

// maxDate is how many words of a date are read.
const maxDate = 24

// ParseDate reads a date (RFC 5322 section 3.3 and 4.3): with obsolete zones and years, comments, and the wrong weekday
// reported; also the form of asctime, RFC 3339, dashes or dots between the numbers. Without a zone, or with one that is
// not known, it is taken as UTC and has ProblemZone.
func ParseDate(value string) Date {
	value, _ = bound(value)
	d := Date{Text: Decode(value).Text}
	lex := lexer{text: value, specials: ","}
	var words []string
	for len(words) < maxDate {
		t, ok := lex.next()
		if !ok {
			break
		}
		if t.kind == atom || t.kind == quoted || t.kind == encoded {
			words = append(words, t.content())
		}
	}
	r := dateReader{year: -1}
	for _, w := range words {
		if !r.word(w) {
			r.problems = add(r.problems, ProblemSyntax)
			if r.day > 0 && r.month > 0 && r.year >= 0 && r.clock {
				break // what follows a whole date is no part of it
			}
		}
	}
	d.Problems, d.Zone = r.problems, valid(r.zone)
	at, ok := r.time(&d)
	d.Time, d.Unparsable = at, !ok
	return d
}

// A dateReader takes the words of a date in whatever order they come.
type dateReader struct {
	weekday, month, day, year int
	hour, minute, second, ns  int
	clock                     bool
	zone                      string
	offset                    int
	zoneKnown                 bool
	problems                  []Problem
}

// word says whether it knew what to do with a word.
func (r *dateReader) word(w string) bool {
	switch {
	case len(w) == 0 || len(w) > 64:
		return false
	case strings.Count(w, ":") >= 1 && w[0] >= '0' && w[0] <= '9' && r.rfc3339(w):
		return true
	case strings.Contains(w, ":") && w[0] >= '0' && w[0] <= '9':
		return r.time24(w, ":")
	case w[0] >= '0' && w[0] <= '9' && strings.Count(w, ".") == 2 && r.day > 0 && r.year >= 0:
		return r.time24(w, ".")
	case w[0] >= '0' && w[0] <= '9' && strings.ContainsAny(w, "-./"):
		return r.joined(w)
	case w[0] >= '0' && w[0] <= '9':
		return r.number(w)
	case (w[0] == '+' || w[0] == '-') && r.clock:
		return r.numericZone(w)
	}
	if half := strings.ToUpper(w); (half == "AM" || half == "PM") && r.clock && r.hour >= 1 && r.hour <= 12 {
		r.hour = r.hour % 12
		if half == "PM" {
			r.hour += 12
		}
		r.problems = add(r.problems, ProblemSyntax)
		return true
	}
	if n := nameOf(w, "jan feb mar apr may jun jul aug sep oct nov dec"); n > 0 && r.month == 0 {
		r.month = n
		return true
	}
	if n := nameOf(w, "sun mon tue wed thu fri sat"); n > 0 && r.weekday == 0 {
		r.weekday = n
		return true
	}
	return r.clock && r.namedZone(w)
}

// nameOf gives the place of the three letters with which w begins.
func nameOf(w, names string) int {
	w = strings.TrimSuffix(strings.ToLower(w), ".")
	if len(w) < 3 || len(w) > 9 {
		return 0
	}
	for _, c := range []byte(w) {
		if c < 'a' || c > 'z' {
			return 0
		}
	}
	if i := strings.Index(names, w[:3]); i >= 0 && i%4 == 0 {
		return i/4 + 1
	}
	return 0
}

func (r *dateReader) number(w string) bool {
	n, err := strconv.Atoi(w)
	switch {
	case err != nil || len(w) > 4:
		return false
	case r.day == 0 && len(w) <= 2:
		if n < 1 {
			return false
		}
		r.day = n
	case r.year < 0:
		r.setYear(n, len(w))
	default:
		return false
	}
	return true
}

// setYear applies RFC 5322 section 4.3 to years of two and three digits.
func (r *dateReader) setYear(n, digits int) {
	if digits < 4 {
		r.problems = add(r.problems, ProblemObsolete)
	}
	switch {
	case digits <= 2 && n < 50:
		n += 2000
	case digits <= 3:
		n += 1900
	}
	r.year = n
}

// time24 reads 14:05, 14:05:00 and 14:05:00.123.
func (r *dateReader) time24(w, separator string) bool {
	if r.clock {
		return false
	}
	if i := strings.LastIndexAny(w, "+-"); i > 0 && separator == ":" { // no space before the zone
		if !r.time24(w[:i], separator) {
			return false
		}
		r.problems = add(r.problems, ProblemSyntax)
		return r.numericZone(w[i:])
	}
	if strings.HasSuffix(w, "Z") {
		w = strings.TrimSuffix(w, "Z")
		r.zone, r.zoneKnown = "Z", true
	}
	if separator == ":" {
		w, _, _ = strings.Cut(w, ".")
	}
	parts := strings.Split(w, separator)
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	var n [3]int
	for i, part := range parts {
		if len(part) == 0 || len(part) > 2 || part[0] < '0' || part[0] > '9' {
			return false
		}
		var err error
		if n[i], err = strconv.Atoi(part); err != nil {
			return false
		}
	}
	if separator != ":" {
		r.problems = add(r.problems, ProblemSyntax)
	}
	r.hour, r.minute, r.second, r.clock = n[0], n[1], n[2], true
	return true
}

// joined reads 23-Nov-2026, 2026-11-23, 23.11.2026 and 2026/11/23. With two digits in front and slashes nobody can tell day from
// month: that is left alone.
func (r *dateReader) joined(w string) bool {
	parts := strings.FieldsFunc(w, func(c rune) bool { return c == '-' || c == '.' || c == '/' })
	if len(parts) != 3 || r.day > 0 || r.year >= 0 {
		return false
	}
	month, numeric := nameOf(parts[1], "jan feb mar apr may jun jul aug sep oct nov dec"), false
	if month == 0 {
		n, err := strconv.Atoi(parts[1])
		if err != nil || n < 1 || n > 12 || r.month > 0 {
			return false
		}
		month, numeric = n, true
	}
	if numeric && len(parts[0]) != 4 && strings.Contains(w, "/") {
		return false
	}
	day, year := parts[0], parts[2]
	if len(parts[0]) == 4 {
		day, year = parts[2], parts[0]
	}
	d, err1 := strconv.Atoi(day)
	y, err2 := strconv.Atoi(year)
	if err1 != nil || err2 != nil || d < 1 || d > 31 || y < 0 || len(year) > 4 {
		return false
	}
	r.day, r.month = d, month
	r.setYear(y, len(year))
	r.problems = add(r.problems, ProblemSyntax)
	return true
}

func (r *dateReader) rfc3339(w string) bool {
	at, err := time.Parse(time.RFC3339Nano, w)
	zoned := err == nil
	if !zoned {
		at, err = time.Parse("2006-01-02T15:04:05.999999999", w)
	}
	if err != nil || r.day > 0 || r.clock {
		return false
	}
	r.year, r.month, r.day = at.Year(), int(at.Month()), at.Day()
	r.hour, r.minute, r.second, r.ns = at.Hour(), at.Minute(), at.Second(), at.Nanosecond()
	r.clock = true
	if zoned {
		_, r.offset = at.Zone()
		r.zoneKnown, r.zone = true, at.Format("-0700")
	}
	r.problems = add(r.problems, ProblemSyntax)
	return true
}

// numericZone reads +0100, and the forms +1, +01, +100 and +01:00.
func (r *dateReader) numericZone(w string) bool {
	if r.zone != "" && r.zone != "GMT" && r.zone != "UTC" {
		return false
	}
	r.zone = w
	digits := strings.Replace(w[1:], ":", "", 1)
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || len(digits) > 4 {
		r.problems = add(r.problems, ProblemZone)
		return true
	}
	if len(digits) <= 2 {
		n *= 100
	}
	if n%100 > 59 || n/100 > 23 {
		r.problems = add(r.problems, ProblemZone)
		return true
	}
	if len(w) != 5 {
		r.problems = add(r.problems, ProblemSyntax)
	}
	r.offset = int(n/100*3600 + n%100*60)
	if w[0] == '-' {
		r.offset = -r.offset
	}
	r.zoneKnown = w != "-0000"
	return true
}

// namedZone reads the zones of RFC 5322 section 4.3. Of all others, letters of the military too, the offset is not known.
func (r *dateReader) namedZone(w string) bool {
	if r.zone != "" {
		return strings.EqualFold(w, r.zone)
	}
	name, sign := w, ""
	if i := strings.IndexAny(w, "+-"); i > 0 {
		name, sign = w[:i], w[i:]
	}
	hours, known := 0, true
	switch strings.ToUpper(name) {
	case "UT", "GMT", "UTC", "Z":
	case "EDT":
		hours = -4
	case "EST", "CDT":
		hours = -5
	case "CST", "MDT":
		hours = -6
	case "MST", "PDT":
		hours = -7
	case "PST":
		hours = -8
	default:
		known = false
	}
	if known && sign != "" && hours == 0 {
		ok := r.numericZone(sign)
		r.zone = w
		return ok
	}
	if len(name) > 5 || sign != "" {
		return false
	}
	r.zone, r.zoneKnown, r.offset = w, known, hours*3600
	if !strings.EqualFold(w, "GMT") && !strings.EqualFold(w, "UTC") {
		r.problems = add(r.problems, ProblemObsolete)
	}
	return true
}

// time puts the parts together.
func (r *dateReader) time(d *Date) (time.Time, bool) {
	if r.day == 0 || r.month == 0 || r.year < 0 {
		return time.Time{}, false
	}
	if !r.clock {
		d.Problems = add(d.Problems, ProblemMissing)
	}
	if r.hour > 23 || r.minute > 59 || r.second > 60 || r.day > 31 {
		d.Problems = add(d.Problems, ProblemRange)
		return time.Time{}, false
	}
	zone := time.UTC
	if r.zoneKnown && r.offset != 0 {
		zone = time.FixedZone("", r.offset)
	}
	if !r.zoneKnown {
		d.Problems = add(d.Problems, ProblemZone)
	}
	day := time.Date(r.year, time.Month(r.month), r.day, 0, 0, 0, 0, zone)
	if day.Day() != r.day {
		d.Problems = add(d.Problems, ProblemRange)
		return time.Time{}, false
	}
	if r.weekday > 0 && int(day.Weekday()) != r.weekday-1 {
		d.Problems = add(d.Problems, ProblemWeekday)
	}
	return time.Date(r.year, time.Month(r.month), r.day, r.hour, r.minute, r.second, r.ns, zone), true
}
