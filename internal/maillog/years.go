package maillog

import "time"

// Years finds out the year of a text whose lines have none: it is shown every line, and then told until when the text can
// go. Where some lines have a year, these decide.
type Years struct {
	clock    clock // counts years from 1
	begin    stamp // of the first line that has a time
	last     stamp
	leap     int // the counted year in which there was a 29 February; 0 for none
	anchor   int // the year of the first line that had one; 0 for none
	anchored int // anchor's year as counted; 0 while no line without a year was seen
	before   stamp
}

// Observe looks at one line.
func (y *Years) Observe(line string) {
	if y.clock.year == 0 {
		y.clock.year = 1
	}
	rest, _ := cutPriority(line)
	st, _, ok := cutStamp(rest)
	if !ok || st.month == 0 {
		return
	}
	if y.begin.month == 0 {
		y.begin = st
	}
	if st.hasYear {
		y.observeYear(st)
		return
	}
	count := y.clock.turn(st)
	if st.month == 2 && st.day == 29 {
		y.leap = count
	}
	if y.anchor != 0 && y.anchored == 0 { // the line with a year came first
		y.anchored = 1
		if st.month*31+st.day < y.before.month*31+y.before.day-halfYear {
			y.anchored = 0
			y.anchor++
			y.anchored = 1
		}
	}
	y.last = st
}

// observeYear remembers the first line that has a year.
func (y *Years) observeYear(st stamp) {
	if y.anchor != 0 {
		return
	}
	y.anchor, y.before = st.year, st
	if y.last.month == 0 {
		return
	}
	y.anchored = y.clock.year
	if st.month*31+st.day < y.last.month*31+y.last.day-halfYear {
		y.anchored++
	}
}

// Needed says whether there were lines without a year.
func (y *Years) Needed() bool { return y.last.month != 0 }

// First gives the year of the first line, if the last one is not later than latest, and the last line's time in UTC. A day
// and a half is allowed for zones and clocks.
func (y *Years) First(latest time.Time) (year int, last time.Time) {
	if y.last.month == 0 {
		return latest.Year(), latest
	}
	count := y.clock.year
	at := func(year int) time.Time {
		return time.Date(year, time.Month(y.last.month), y.last.day, y.last.hour, y.last.min, y.last.sec, 0, time.UTC)
	}
	if y.anchor != 0 && y.anchored != 0 {
		return y.anchor - y.anchored + 1, at(y.anchor - y.anchored + count)
	}
	final := latest.UTC().Year() + 1 // a clock ahead of ours at the turn of the year
	for at(final).After(latest.Add(36 * time.Hour)) {
		final--
	}
	year = final - count + 1
	for i := 0; i < 8 && y.leap != 0 && !isLeap(year+y.leap-1); i++ {
		year--
	}
	return year, at(year + count - 1)
}

// Begin gives the time of the first line, to the second and as if it were UTC, if the first one without a year is of the
// year that First gave.
func (y *Years) Begin(year int) (time.Time, bool) {
	b := y.begin
	if b.month == 0 {
		return time.Time{}, false
	}
	if b.hasYear {
		year = b.year
	}
	return time.Date(year, time.Month(b.month), b.day, b.hour, b.min, b.sec, 0, time.UTC), true
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }
