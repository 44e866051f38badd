package googlelog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// A table reads rows of a CSV (RFC 4180, and what spreadsheets make of it) without holding more than one.
type table struct {
	r         *bufio.Reader
	off       int64
	max       int
	delimiter byte
	row       []byte
	cells     [][2]int // where each cell is in row
}

// next reads a row into t.row and t.cells and says where it began.
func (t *table) next() (off int64, err error) {
	t.row, t.cells = t.row[:0], t.cells[:0]
	off = t.off
	from, quoted, long, any := 0, false, false, false
	for {
		c, err := t.r.ReadByte()
		if err != nil {
			if !errors.Is(err, io.EOF) || !any {
				return off, err
			}
			if quoted {
				return off, errCut
			}
			t.cells = append(t.cells, [2]int{from, len(t.row)})
			return off, tooLong(long)
		}
		t.off++
		any = true
		switch {
		case quoted && c == '"':
			if next, _ := t.r.Peek(1); len(next) == 1 && next[0] == '"' {
				_, _ = t.r.Discard(1) // it was peeked
				t.off++
				break
			}
			quoted = false
			continue
		case quoted:
		case c == '"' && len(t.row) == from:
			quoted = true
			continue
		case c == t.delimiter:
			t.cells = append(t.cells, [2]int{from, len(t.row)})
			from = len(t.row)
			if len(t.cells) > maxColumns {
				long = true
				t.cells = t.cells[:0]
			}
			continue
		case c == '\n':
			t.cells = append(t.cells, [2]int{from, len(bytes.TrimSuffix(t.row, []byte("\r")))})
			if last := &t.cells[len(t.cells)-1]; last[1] < last[0] {
				last[1] = last[0]
			}
			return off, tooLong(long)
		}
		if len(t.row) < t.max {
			t.row = append(t.row, c)
			continue
		}
		long, quoted = true, false // a quote that nothing ends must not eat the file: the row ends with its line
	}
}

// maxColumns is how many columns a table has at the most. The console's have some dozens, GAM's one for each parameter.
const maxColumns = 10_000

func tooLong(long bool) error {
	if long {
		return errLong
	}
	return nil
}

func (t *table) cell(i int) []byte {
	if i >= len(t.cells) {
		return nil
	}
	return t.row[t.cells[i][0]:t.cells[i][1]]
}

// A column is what a title means.
type column struct {
	title string
	means meaning
}

// A meaning is a field of a Record.
type meaning byte

const (
	isParameter meaning = iota
	isTime
	isName
	isType
	isActor
	isIP
	isApplication
	isQualifier
	isCustomer
	isProfile
	isKey
	isCaller
	isJSON
)

// meanings are the titles of the Admin console (audit pages of all ages, and the investigation tool) and of GAM, in English.
func meanings() map[string]meaning {
	return map[string]meaning{
		"date": isTime, "time": isTime, "date/time": isTime, "date and time": isTime, "timestamp": isTime, "event time": isTime, "id.time": isTime,
		"event": isName, "event name": isName, "name": isName, "events.name": isName, "event type": isType, "type": isType, "events.type": isType,
		"actor": isActor, "user": isActor, "admin": isActor, "administrator": isActor, "actor email": isActor, "user email": isActor,
		"actor email address": isActor, "actor.email": isActor,
		"ip address": isIP, "ip": isIP, "ipaddress": isIP, "data source": isApplication, "log type": isApplication, "id.applicationname": isApplication,
		"id.uniquequalifier": isQualifier, "id.customerid": isCustomer, "actor.profileid": isProfile, "actor.key": isKey, "actor.callertype": isCaller,
		"json": isJSON,
	}
}

// frenchMeanings are the console's titles in French, where they are not the English ones.
func frenchMeanings() map[string]meaning {
	return map[string]meaning{
		"date et heure": isTime, "heure": isTime, "horodatage": isTime, "date de l'événement": isTime, "heure de l'événement": isTime,
		"événement": isName, "évènement": isName, "nom de l'événement": isName, "nom de l'évènement": isName, "nom d'événement": isName,
		"type d'événement": isType, "type d'évènement": isType, "type de l'événement": isType,
		"acteur": isActor, "utilisateur": isActor, "administrateur": isActor, "adresse e-mail de l'acteur": isActor, "e-mail de l'acteur": isActor,
		"adresse ip": isIP, "source de données": isApplication, "type de journal": isApplication,
	}
}

// titles is what the first row says of the others.
type titles struct {
	columns  []column
	french   bool
	zone     string // in the title of the time: "Date (UTC)"
	windows  bool   // text is in Windows-1252, as spreadsheets write it
	location *time.Location
	named    map[string]*time.Location // zones that were looked up
}

// errNoTitles says that a text is no export that is known.
var errNoTitles = errors.New("it is neither JSON nor a table with a date among the titles of its columns")

// readTitles reads the first row. A row "sep=;" before it is a spreadsheet's.
func (t *table) readTitles(first []byte) (h titles, err error) {
	t.delimiter = delimiter(first)
	if bytes.HasPrefix(first, []byte("sep=")) && len(first) > 4 {
		t.delimiter = first[4]
		if _, err = t.next(); err != nil {
			return h, err
		}
		for b, _ := t.r.Peek(1); len(b) == 1 && b[0] == '\n'; b, _ = t.r.Peek(1) { // where the delimiter was the line's end
			_, _ = t.r.Discard(1)
			t.off++
		}
	}
	if _, err = t.next(); err != nil {
		return h, err
	}
	h.windows = !utf8.Valid(t.row)
	english, french := meanings(), frenchMeanings()
	seen, used := map[string]int{}, map[meaning]bool{}
	for i := range t.cells {
		c := column{title: h.text(t.cell(i))}
		if seen[c.title]++; seen[c.title] > 1 {
			c.title = fmt.Sprintf("%s (%d)", c.title, seen[c.title])
		}
		name, zone := plainTitle(c.title)
		means, known := english[name]
		if !known {
			means = french[name]
			h.french = h.french || means != isParameter
		}
		if means != isParameter && !used[means] { // of two, the second one is as it is
			used[means], c.means = true, means
			if means == isTime {
				h.zone = zone
			}
		}
		h.columns = append(h.columns, c)
	}
	if !used[isTime] && !used[isJSON] {
		return h, errNoTitles
	}
	return h, nil
}

// delimiter is what there is most of in the first line.
func delimiter(line []byte) byte {
	best, most := byte(','), bytes.Count(line, []byte(","))
	for _, c := range []byte(";\t") {
		if n := bytes.Count(line, []byte{c}); n > most {
			best, most = c, n
		}
	}
	return best
}

// plainTitle is a title without what is in parentheses, which may be a zone.
func plainTitle(title string) (name, zone string) {
	name = strings.ToLower(strings.NewReplacer("’", "'", "\u00a0", " ", "\u202f", " ").Replace(strings.TrimSpace(title)))
	if open := strings.IndexByte(name, '('); open > 0 && strings.HasSuffix(name, ")") {
		at := strings.IndexByte(title, '(')
		return strings.TrimSpace(name[:open]), strings.TrimSuffix(strings.TrimSpace(title[at+1:]), ")")
	}
	return name, ""
}

// text is a cell in UTF-8.
func (h *titles) text(cell []byte) string {
	if utf8.Valid(cell) {
		return string(cell)
	}
	if h.windows {
		if decoded, err := charmap.Windows1252.NewDecoder().Bytes(cell); err == nil {
			return string(decoded)
		}
	}
	return string(bytes.ToValidUTF8(cell, []byte("\uFFFD")))
}

// record makes a record of a row. json is the cell that holds a whole activity, as GAM's formatjson writes it.
func (h *titles) record(t *table, r *Record) (json []byte) {
	var e Event
	r.Form = "csv"
	for i := range t.cells {
		cell := t.cell(i)
		if len(cell) == 0 {
			continue
		}
		r.Replaced = r.Replaced || !h.windows && !utf8.Valid(cell)
		value := h.text(cell)
		c := column{title: fmt.Sprintf("column %d", i+1)}
		if i < len(h.columns) {
			c = h.columns[i]
		}
		switch c.means {
		case isTime:
			r.TimeText = value
			r.Time, r.Zone, r.Inferred = h.time(value)
		case isName:
			e.Name = value
		case isType:
			e.Type = value
		case isActor:
			r.Email = value
		case isIP:
			r.IP = value
		case isApplication:
			r.Application = value
		case isQualifier:
			r.Qualifier = value
		case isCustomer:
			r.Customer = value
		case isProfile:
			r.ProfileID = value
		case isKey:
			r.Key = value
		case isCaller:
			r.CallerType = value
		case isJSON:
			json = cell
		default:
			e.Parameters = append(e.Parameters, Field{c.title, quote(value)})
		}
	}
	r.Events = []Event{e}
	return json
}
