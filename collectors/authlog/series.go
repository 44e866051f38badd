package authlog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/logfiles"
)

// A candidate is something that a path matches.
type candidate struct {
	*logfiles.Candidate
	series series
}

// find lists what path matches, in the order of time. An error means that the path itself cannot be looked at.
func find(path string) ([]candidate, error) {
	listed, err := logfiles.Find(path)
	if err != nil {
		return nil, err
	}
	found := make([]candidate, len(listed))
	for i := range listed {
		found[i] = candidate{&listed[i], seriesOf(listed[i].Rel)}
	}
	slices.SortStableFunc(found, byTime)
	return found, nil
}

// A series is what logrotate, newsyslog and their like make of one log: mail.log, mail.log.1, mail.log.2.gz, and
// mail.log-20240107.gz.
type series struct {
	name string
	age  int       // 0 for the one being written; grows with age
	day  time.Time // of rotation, where the name has it
}

// seriesOf reads a file's name.
func seriesOf(name string) series {
	for _, ending := range []string{".gz", ".bz2", ".xz", ".zst"} {
		name = strings.TrimSuffix(name, ending)
	}
	if i := strings.LastIndexAny(name, ".-"); i > 0 {
		stem, tail := name[:i], name[i+1:]
		if n, err := strconv.Atoi(tail); err == nil && n >= 0 && n < 10_000 && name[i] == '.' && len(tail) <= 4 {
			return series{name: stem, age: n + 1}
		}
		for _, layout := range []string{"20060102", "20060102-15", "2006010215", "20060102150405"} {
			if day, err := time.Parse(layout, tail); err == nil && day.Year() >= 1990 {
				return series{name: stem, day: day}
			}
		}
	}
	return series{name: name}
}

// byTime sorts series by name and, in each, the oldest file first: those with a day in their names by it, then those with
// a number from the largest down, the one being written last.
func byTime(a, b candidate) int {
	return cmp.Or(
		strings.Compare(a.series.name, b.series.name),
		compareDays(a.series.day, b.series.day),
		cmp.Compare(b.series.age, a.series.age),
		a.Modified.Compare(b.Modified),
		strings.Compare(a.Rel, b.Rel))
}

// compareDays sorts files with a day before those without.
func compareDays(a, b time.Time) int {
	switch {
	case a.IsZero() == b.IsZero():
		return a.Compare(b)
	case a.IsZero():
		return 1
	}
	return -1
}
