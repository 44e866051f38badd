package selection

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
)

// ErrNoRecord says that a bundle has no exhibit or gap of a name.
var ErrNoRecord = errors.New("there is no such record in the bundle")

// A Selection says which records of a bundle are meant: those with one of the IDs (none: all) for which the Filter
// holds, without those that are marked personal.
type Selection struct {
	IDs             []string // P-000042, G-000043
	Filter          Filter
	IncludePersonal bool
}

// A Chosen is what a selection gives.
type Chosen struct {
	Numbers   []int64 // in rising order
	Personal  int64   // how many were meant and are left out because they are marked personal
	Unmatched int64   // how many of Selection.IDs the filter left out
}

// ParseID reads the name of a record: P-000042 for an exhibit, G-000043 for a gap.
func ParseID(id string) (number int64, gap bool, err error) {
	kind, digits, found := strings.Cut(id, "-")
	number, err = strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || number < 1 || kind != "P" && kind != "G" {
		return 0, false, fmt.Errorf("%q is no exhibit or gap", id)
	}
	return number, kind == "G", nil
}

// ReadRecordHead reads the header of an exhibit that is a message, and gives an empty one for all else.
func ReadRecordHead(b *evidence.Bundle, r evidence.Record) (Head, error) {
	if r.Exhibit == nil || !IsMessage(r.Exhibit) {
		return Head{}, nil
	}
	body, err := b.Body(r.Exhibit)
	if err != nil {
		return Head{}, err
	}
	return ReadHead(body)
}

// Choose goes through the bundle's records. Headers of messages are read only where a condition needs them. The error
// for an ID that the bundle does not have wraps ErrNoRecord.
func (s Selection) Choose(b *evidence.Bundle) (Chosen, error) {
	var chosen Chosen
	wanted := make(map[int64]string, len(s.IDs))
	for _, id := range s.IDs {
		number, _, err := ParseID(id)
		if err != nil {
			return Chosen{}, err
		}
		wanted[number] = id
	}
	for r, err := range b.Records() {
		if err != nil {
			return Chosen{}, err
		}
		if len(s.IDs) > 0 {
			id, meant := wanted[r.N]
			if !meant {
				continue
			}
			if id[0] != r.ID()[0] {
				return Chosen{}, fmt.Errorf("%s: it is %s: %w", id, r.ID(), ErrNoRecord)
			}
			delete(wanted, r.N)
		}
		if err := s.weigh(b, r, &chosen); err != nil {
			return Chosen{}, fmt.Errorf("reading %s: %w", r.ID(), err)
		}
	}
	for _, id := range wanted {
		return Chosen{}, fmt.Errorf("%s: %w", id, ErrNoRecord)
	}
	return chosen, nil
}

// weigh adds a record to what is chosen, or counts why it is not.
func (s Selection) weigh(b *evidence.Bundle, r evidence.Record, chosen *Chosen) error {
	var head Head
	var failed error
	read := false
	readHead := func() (Head, error) {
		if !read {
			head, failed = ReadRecordHead(b, r)
			read = true
		}
		return head, failed
	}
	ok, err := s.Filter.Match(r, readHead)
	if err != nil {
		return err
	}
	if !ok {
		if len(s.IDs) > 0 {
			chosen.Unmatched++
		}
		return nil
	}
	if !s.IncludePersonal {
		head, err := readHead()
		if err != nil {
			return err
		}
		if PersonalMark(r, head) != "" {
			chosen.Personal++
			return nil
		}
	}
	chosen.Numbers = append(chosen.Numbers, r.N)
	return nil
}
