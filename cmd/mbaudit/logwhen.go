package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A toldTime is a time as a person tells it.
type toldTime struct {
	at          time.Time
	precision   journal.Precision
	approximate bool
}

// A timeReader reads times as people type them.
type timeReader struct {
	now      time.Time
	zone     *time.Location // of what is typed without an offset
	language string         // in French 23/11/2026 is a day; elsewhere nobody can tell the day from the month
	fixed    bool           // what is typed must name the day: it is not of today
}

// timeHint says what to type.
const timeHint = `write it with its offset, as in --time 2026-11-23T14:05:00+01:00; or as in 08:40, "yesterday 17:00" or "2026-11-23 14:05", which are times of the case's zone`

// read reads one time. Forms: 2026-11-23T14:05:00+01:00; 2026-11-23 14:05, with seconds and offset or without; 2026-11-23;
// 08:40, 8h40, 8h (today); today, yesterday, aujourd'hui, hier, avant-hier with one of these; now, maintenant; each
// after "about", "vers" or "~" where it is approximate. In French also 23/11/2026.
func (r timeReader) read(text string) (toldTime, error) {
	s := strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(text, "’", "'")), " "))
	var told toldTime
	for _, word := range []string{"about ", "around ", "vers ", "environ ", "~"} {
		if rest, ok := strings.CutPrefix(s, word); ok {
			told.approximate, s = true, strings.TrimSpace(rest)
			break
		}
	}
	if s == "now" || s == "maintenant" {
		told.at = r.now.In(r.zone).Truncate(time.Second)
		return told, nil
	}
	m := regexp.MustCompile(`^(?:(today|aujourd'hui|yesterday|hier|avant-hier|\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4})(?:[ t,]+|$))?` +
		`(?:(?:à |at )?(\d{1,2})(?::(\d{2})(?::(\d{2})(\.\d{1,9})?)?| ?h ?(\d{2})?)(?: ?(z|[+-]\d{2}:\d{2}))?)?$`).FindStringSubmatch(s)
	if m == nil || m[1]+m[2] == "" {
		return told, fmt.Errorf("%q is not a time", visible.Text(text))
	}
	dayWord, hour, minute, second, fraction, offset := m[1], m[2], m[3]+m[6], m[4], m[5], m[7]
	year, month, day, err := r.day(dayWord)
	if err != nil {
		return told, err
	}
	switch {
	case hour == "" && !strings.ContainsAny(dayWord, "0123456789"):
		return told, fmt.Errorf("%q tells no hour", visible.Text(text))
	case hour == "":
		told.precision = journal.Day
	case minute == "":
		told.precision = journal.Hour
	case second == "":
		told.precision = journal.Minute
	}
	zone := r.zone
	if offset != "" {
		reference, err := time.Parse("Z07:00", strings.ToUpper(offset))
		if err != nil {
			return told, fmt.Errorf("%q is not an offset from UTC", offset)
		}
		_, seconds := reference.Zone() // not its Location, which may be the local zone with its other offsets
		zone = time.FixedZone("", seconds)
	}
	told.at, err = wallClock(year, month, day, number(hour), number(minute), number(second), zone)
	if err != nil {
		return told, err
	}
	if fraction != "" {
		d, err := time.ParseDuration(fraction[1:] + "ns")
		if err != nil {
			return told, err
		}
		for range 9 - len(fraction[1:]) {
			d *= 10
		}
		told.at = told.at.Add(d)
	}
	if dayWord == "" && told.at.After(r.now.Add(time.Minute)) {
		return told, fmt.Errorf("%s is yet to come today; name the day as well", visible.Text(text))
	}
	return told, nil
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // the pattern lets through digits or nothing
	return n
}

// day gives the day that a word names.
func (r timeReader) day(word string) (int, time.Month, int, error) {
	today := r.now.In(r.zone)
	back := 0
	switch word {
	case "", "today", "aujourd'hui":
	case "yesterday", "hier":
		back = 1
	case "avant-hier":
		back = 2
	default:
		layout := time.DateOnly
		if strings.Contains(word, "/") {
			if layout = "2/1/2006"; r.language != export.French {
				return 0, 0, 0, fmt.Errorf("in %s the day cannot be told from the month; write it as in 2026-11-23", word)
			}
		}
		at, err := time.Parse(layout, word)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("there is no day %s", word)
		}
		return at.Year(), at.Month(), at.Day(), nil
	}
	if r.fixed {
		return 0, 0, 0, errors.New("the day is missing; write it as in 2026-11-23 14:05")
	}
	at := time.Date(today.Year(), today.Month(), today.Day()-back, 12, 0, 0, 0, r.zone)
	return at.Year(), at.Month(), at.Day(), nil
}

// wallClock is the instant at which clocks in the zone show that time. Where they are put forward or back some times
// never come, and some come twice: then only the offset tells which is meant.
func wallClock(year int, month time.Month, day, hour, minute, second int, zone *time.Location) (time.Time, error) {
	at := time.Date(year, month, day, hour, minute, second, 0, zone)
	if hour > 23 || minute > 59 || second > 59 {
		return at, fmt.Errorf("there is no time %02d:%02d:%02d", hour, minute, second)
	}
	const layout = "2006-01-02 15:04:05"
	shown := at.Format(layout)
	if want := fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d", year, month, day, hour, minute, second); shown != want {
		return at, fmt.Errorf("clocks in %s never showed %s: they were put forward", zone, want)
	}
	for _, back := range []time.Duration{-time.Hour, -30 * time.Minute, 30 * time.Minute, time.Hour} {
		if at.Add(back).Format(layout) == shown {
			return at, fmt.Errorf("clocks in %s showed %s twice; write it with its offset, as in %s", zone, shown, at.Format(time.RFC3339))
		}
	}
	return at, nil
}
