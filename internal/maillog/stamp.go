package maillog

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// A stamp is a line's time as far as the line tells it.
type stamp struct {
	year, month, day int
	hour, min, sec   int
	nsec             int
	hasYear, hasZone bool
	offset           int       // seconds east of UTC
	instant          time.Time // set where the stamp counts seconds
}

// cutStamp reads the time that a line begins with and returns what comes after it and the spaces behind.
func cutStamp(s string) (stamp, string, bool) {
	if len(s) < 15 {
		return stamp{}, s, false
	}
	c := s[0]
	switch {
	case c >= 'A' && c <= 'Z':
		return cutBSD(s)
	case c >= '0' && c <= '9':
		return cutISO(s)
	case c == '@':
		return cutTAI64N(s)
	case c == '[':
		return cutBracketed(s)
	}
	return stamp{}, s, false
}

// cutBSD reads "Jan  2 15:04:05 " (RFC 3164 section 4.1.2), which has no year and no zone. Some daemons add fractions of
// the second.
func cutBSD(s string) (stamp, string, bool) {
	st := stamp{month: monthOf(s[:3])}
	if st.month == 0 || s[3] != ' ' {
		return stamp{}, s, false
	}
	rest := trimSpaces(s[4:])
	var ok bool
	if st.day, rest, ok = cutNumber(rest, 2); !ok || st.day < 1 || st.day > 31 || rest == "" || rest[0] != ' ' {
		return stamp{}, s, false
	}
	if rest, ok = st.cutClock(trimSpaces(rest)); !ok || rest == "" || rest[0] != ' ' {
		return stamp{}, s, false
	}
	return st, trimSpaces(rest), true
}

// cutISO reads RFC 3339 and its relatives: a space or "_" for the T, a comma for the point, zones with and without colon
// or none.
func cutISO(s string) (stamp, string, bool) {
	st := stamp{hasYear: true}
	var ok bool
	rest := s
	if st.year, rest, ok = cutNumber(rest, 4); !ok || st.year < 1970 || len(rest) < 7 || rest[0] != '-' {
		return stamp{}, s, false
	}
	if st.month, rest, ok = cutNumber(rest[1:], 2); !ok || st.month < 1 || st.month > 12 || rest[0] != '-' {
		return stamp{}, s, false
	}
	if st.day, rest, ok = cutNumber(rest[1:], 2); !ok || st.day < 1 || st.day > 31 || rest == "" {
		return stamp{}, s, false
	}
	if rest[0] != 'T' && rest[0] != ' ' && rest[0] != '_' {
		return stamp{}, s, false
	}
	if rest, ok = st.cutClock(rest[1:]); !ok {
		return stamp{}, s, false
	}
	rest = st.cutZone(rest)
	if rest != "" && rest[0] != ' ' && rest[0] != ',' && rest[0] != ']' {
		return stamp{}, s, false
	}
	return st, trimSpaces(rest), true
}

// cutClock reads hh:mm:ss and a fraction.
func (st *stamp) cutClock(s string) (rest string, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return s, false
	}
	var ok1, ok2, ok3 bool
	st.hour, ok1 = twoDigits(s)
	st.min, ok2 = twoDigits(s[3:])
	st.sec, ok3 = twoDigits(s[6:])
	if !ok1 || !ok2 || !ok3 || st.hour > 23 || st.min > 59 || st.sec > 60 {
		return s, false
	}
	s = s[8:]
	if len(s) > 1 && (s[0] == '.' || s[0] == ',') && isDigit(s[1]) {
		s = s[1:]
		unit := 100_000_000
		for s != "" && isDigit(s[0]) {
			st.nsec += int(s[0]-'0') * unit
			unit /= 10
			s = s[1:]
		}
	}
	return s, true
}

// cutZone reads "Z", "+01:00", "+0100" or " +0100".
func (st *stamp) cutZone(s string) string {
	if s != "" && s[0] == 'Z' {
		st.hasZone = true
		return s[1:]
	}
	z := s
	if len(z) > 1 && z[0] == ' ' {
		z = z[1:]
	}
	if len(z) < 5 || z[0] != '+' && z[0] != '-' {
		return s
	}
	hours, ok := twoDigits(z[1:])
	minutes := z[3:]
	if minutes[0] == ':' {
		minutes = minutes[1:]
	}
	if !ok || len(minutes) < 2 {
		return s
	}
	mins, ok := twoDigits(minutes)
	if !ok || hours > 15 || mins > 59 {
		return s
	}
	st.hasZone, st.offset = true, hours*3600+mins*60
	if z[0] == '-' {
		st.offset = -st.offset
	}
	return minutes[2:]
}

// cutTAI64N reads the stamp of multilog and svlogd -t: "@", 2^62 plus the seconds of TAI, nanoseconds, in hexadecimal
// digits (cr.yp.to/libtai/tai64.html). Since these programs know no leap seconds, 10 is what lies between the two.
func cutTAI64N(s string) (stamp, string, bool) {
	if len(s) < 26 || s[25] != ' ' {
		return stamp{}, s, false
	}
	var raw [12]byte
	if _, err := hex.Decode(raw[:], []byte(s[1:25])); err != nil {
		return stamp{}, s, false
	}
	sec := binary.BigEndian.Uint64(raw[:8])
	nsec := binary.BigEndian.Uint32(raw[8:])
	const base = 1<<62 + 10
	if sec < base || sec > base+1<<36 || nsec >= 1_000_000_000 {
		return stamp{}, s, false
	}
	st := stamp{hasYear: true, hasZone: true, instant: time.Unix(int64(sec-base), int64(nsec)).UTC()}
	st.year = st.instant.Year()
	return st, trimSpaces(s[26:]), true
}

// cutBracketed reads "[02-Jan-2006 15:04:05 +0100]: " as Roundcube writes it, and the same with an ISO date.
func cutBracketed(s string) (stamp, string, bool) {
	inner := s[1:]
	var st stamp
	var rest string
	var ok bool
	if len(inner) > 12 && inner[2] == '-' && inner[6] == '-' {
		st = stamp{hasYear: true, month: monthOf(inner[3:6])}
		day, okDay := twoDigits(inner)
		year, tail, okYear := cutNumber(inner[7:], 4)
		if !okDay || !okYear || st.month == 0 || day < 1 || day > 31 || tail == "" || tail[0] != ' ' {
			return stamp{}, s, false
		}
		st.day, st.year = day, year
		if rest, ok = st.cutClock(tail[1:]); !ok {
			return stamp{}, s, false
		}
		rest = st.cutZone(rest)
	} else if st, rest, ok = cutISO(inner); !ok {
		return stamp{}, s, false
	}
	if rest == "" || rest[0] != ']' {
		return stamp{}, s, false
	}
	rest = rest[1:]
	if rest != "" && rest[0] == ':' {
		rest = rest[1:]
	}
	return st, trimSpaces(rest), true
}

func monthOf(s string) int {
	switch s {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func twoDigits(s string) (int, bool) {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

// cutNumber reads up to most digits.
func cutNumber(s string, most int) (int, string, bool) {
	n, i := 0, 0
	for i < len(s) && i < most && isDigit(s[i]) {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 0
}

func trimSpaces(s string) string {
	for s != "" && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// A clock turns stamps into times.
type clock struct {
	location *time.Location // of stamps without a zone; nil: unknown
	year     int            // of stamps without a year
	last     int            // month*31+day of the stamp without a year before this one
	turned   int64          // number of such stamps since the year last turned

	zoneOffset int // the zone last made, since most lines have the same
	zone       *time.Location
}

// at gives the time of a stamp, and what of it is inferred.
func (c *clock) at(st stamp) (time.Time, Inferred) {
	if !st.instant.IsZero() {
		return st.instant, 0
	}
	var inferred Inferred
	year := st.year
	if !st.hasYear {
		year, inferred = c.turn(st), YearInferred
	}
	loc := time.UTC
	switch {
	case st.hasZone:
		loc = c.fixed(st.offset)
	case c.location != nil:
		loc, inferred = c.location, inferred|ZoneGiven
	default:
		inferred |= ZoneUnknown
	}
	return time.Date(year, time.Month(st.month), st.day, st.hour, st.min, st.sec, st.nsec, loc), inferred
}

func (c *clock) fixed(offset int) *time.Location {
	if offset == 0 {
		return time.UTC
	}
	if c.zone == nil || c.zoneOffset != offset {
		c.zone, c.zoneOffset = time.FixedZone("", offset), offset
	}
	return c.zone
}

// Days of the year as counted here: 31 a month.
const (
	halfYear     = 6 * 31
	mostOfAYear  = 10 * 31
	straggleTime = 1000 // stamps after the turn of the year among which one of December belongs to the old year
)

// turn gives the year of a stamp without one: that of the stamp before, or the next when the stamps fall back by more
// than half a year. Stragglers of December after the turn belong to the old year.
func (c *clock) turn(st stamp) int {
	day := st.month*31 + st.day
	c.turned++
	switch {
	case c.last != 0 && day < c.last-halfYear:
		c.year++
		c.turned = 0
	case c.last != 0 && day > c.last+mostOfAYear && c.turned < straggleTime && c.year > 0:
		return c.year - 1
	}
	c.last = day
	return c.year
}
