package googlelog

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// clock finds day, time of day and zone in what the console writes in lower case: "2026-10-12 09:14:05 cest",
// "oct 12, 2026, 9:14:05 am gmt+2", "12 oct. 2026, 09:14:05 utc+2", "12/10/2026 09:14:05".
var clock = regexp.MustCompile(`^(?:(\d{4})[-/](\d{1,2})[-/](\d{1,2})|(\d{1,2})[/.](\d{1,2})[/.](\d{4})|(\pL{3,9})\.? (\d{1,2}),? (\d{4})|(\d{1,2}) (\pL{3,9})\.?,? (\d{4}))` +
	`(?:[t ,]+|,? (?:at|à) )(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(am|pm|a\.m\.|p\.m\.)(?: |$))? ?\(?(.{0,40}?)\)?$`)

// offset is a zone written as a difference from UTC.
var offset = regexp.MustCompile(`^(?:utc|gmt)? ?([+-])(\d{1,2})(?::?(\d{2}))?$`)

// time reads a cell. The zero time is that of a text that says none.
func (h *titles) time(s string) (at time.Time, zone string, inferred Inference) {
	s = strings.TrimSpace(s)
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return at.UTC(), zoneOf(s), 0
	}
	if len(s) > 100 {
		return time.Time{}, "", 0
	}
	low := strings.ToLower(strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2212", "-").Replace(s))
	m := clock.FindStringSubmatch(low)
	if m == nil {
		return time.Time{}, "", 0
	}
	year, month, day, inferred := h.date(m)
	hour, minute, second := number(m[13]), number(m[14]), number(m[15])
	switch {
	case m[17] == "":
	case hour < 1 || hour > 12:
		return time.Time{}, "", 0
	default:
		hour %= 12
		if m[17][0] == 'p' {
			hour += 12
		}
	}
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, "", 0
	}
	nanos := number((m[16] + "000000000")[:9])
	location, zone, how := h.in(m[18])
	at = time.Date(year, time.Month(month), day, hour, minute, second, nanos, location)
	if at.Month() != time.Month(month) && second < 60 && hour != 23 { // the 31st of a month that has none
		return time.Time{}, "", 0
	}
	if how&ZoneUnknown == 0 {
		at = at.UTC()
	}
	return at, zone, inferred | how
}

// date takes year, month and day out of what clock found.
func (h *titles) date(m []string) (year, month, day int, inferred Inference) {
	switch {
	case m[1] != "":
		return number(m[1]), number(m[2]), number(m[3]), 0
	case m[7] != "":
		return number(m[9]), monthOf(m[7]), number(m[8]), 0
	case m[10] != "":
		return number(m[12]), monthOf(m[11]), number(m[10]), 0
	}
	first, second := number(m[4]), number(m[5])
	switch {
	case first > 12:
		return number(m[6]), second, first, 0
	case second > 12:
		return number(m[6]), first, second, 0
	case first == second:
		return number(m[6]), first, second, 0
	case h.french:
		return number(m[6]), second, first, DayFirst
	}
	return number(m[6]), first, second, MonthFirst
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // only digits come here; "" is 0
	return n
}

// monthOf knows months by their beginnings in English and French; 0 is none.
func monthOf(s string) int {
	for _, m := range []struct {
		begin string
		month int
	}{
		{"jan", 1}, {"feb", 2}, {"fév", 2}, {"fev", 2}, {"mar", 3}, {"apr", 4}, {"avr", 4}, {"may", 5}, {"mai", 5}, {"juin", 6}, {"jun", 6},
		{"juil", 7}, {"jul", 7}, {"aug", 8}, {"aoû", 8}, {"aou", 8}, {"sep", 9}, {"oct", 10}, {"nov", 11}, {"dec", 12}, {"déc", 12},
	} {
		if strings.HasPrefix(s, m.begin) {
			return m.month
		}
	}
	return 0
}

// in finds the zone: that of the cell, that of the column's title, or the one that somebody gave.
func (h *titles) in(zone string) (*time.Location, string, Inference) {
	zone = strings.TrimSpace(zone)
	if l := h.find(zone); zone != "" && l != nil {
		return l, strings.ToUpper(zone), 0
	}
	if zone == "" {
		if l := h.find(strings.ToLower(strings.TrimSpace(h.zone))); h.zone != "" && l != nil {
			return l, h.zone, ZoneGiven
		}
	}
	if h.location != nil {
		return h.location, h.location.String(), ZoneGiven
	}
	return time.UTC, strings.ToUpper(zone), ZoneUnknown
}

// find is location, which remembers zones of the database.
func (h *titles) find(zone string) *time.Location {
	if !strings.Contains(zone, "/") {
		return location(zone)
	}
	l, known := h.named[zone]
	if !known && len(h.named) < 64 {
		if h.named == nil {
			h.named = map[string]*time.Location{}
		}
		l = named(zone)
		h.named[zone] = l
	}
	return l
}

// location reads a zone in lower case: an offset, or an abbreviation that means one thing only (CST is in America and in
// China, IST in three countries). nil is unknown.
func location(zone string) *time.Location {
	if m := offset.FindStringSubmatch(zone); m != nil && number(m[2]) <= 14 {
		seconds := number(m[2])*3600 + number(m[3])*60
		if m[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone("", seconds)
	}
	for _, known := range []struct {
		name  string
		hours int
	}{
		{"utc", 0}, {"gmt", 0}, {"z", 0}, {"wet", 0}, {"west", 1}, {"cet", 1}, {"cest", 2}, {"eet", 2}, {"eest", 3},
		{"est", -5}, {"edt", -4}, {"cdt", -5}, {"mdt", -6}, {"pst", -8}, {"pdt", -7},
	} {
		if zone == known.name {
			return time.FixedZone("", known.hours*3600)
		}
	}
	return nil
}

// named finds "europe/paris" in the time zone database.
func named(zone string) *time.Location {
	parts := strings.FieldsFunc(zone, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		words := strings.Split(part, "_")
		for j, w := range words {
			if w != "" && w != "of" && w != "au" && w != "es" {
				words[j] = strings.ToUpper(w[:1]) + w[1:]
			}
		}
		parts[i] = strings.Join(words, "_")
	}
	l, err := time.LoadLocation(strings.Join(parts, "/"))
	if err != nil {
		return nil
	}
	return l
}
