package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"maps"
	"os"
	"slices"
)

const (
	// accountsInMemory is how many accounts a ledger holds in memory: more than are read side by side.
	accountsInMemory = 24

	// ledgerFile is where the others wait, while a bundle is written. It holds nothing that the index does not give again,
	// and has no name once it is open, where the operating system knows such files.
	ledgerFile = "ledger.part"
)

// A ledger counts, while a bundle is written, what its coverage will say, and knows which exhibits there are. An account that
// was not used for a while waits in a file: memory is that of the accounts that are read at the moment, and of each other one
// its name and place.
type ledger struct {
	disk disk
	path string // of the file
	most int    // accounts in memory

	accounts map[string]*accountLedger // those in memory
	last     *accountLedger            // the one that was used last
	uses     uint64
	away     map[string]ledgerPlace // where an account stands in the file, as it was when it was put there last
	file     *file                  // nil until an account is put there
	size     int64
}

// An accountLedger is what is known of one account, by resource.
type accountLedger struct {
	account string
	rows    map[string]*resourceState
	used    uint64
	changed bool // since it was put into the file
}

// A ledgerPlace is where an account stands in the file.
type ledgerPlace struct {
	at   int64
	size uint32
	crc  uint32
}

func newLedger(d disk, path string, most int) *ledger {
	return &ledger{disk: d, path: path, most: most, accounts: make(map[string]*accountLedger), away: make(map[string]ledgerPlace)}
}

// expect replaces what was announced of a resource.
func (l *ledger) expect(e Expectation) error {
	s, err := l.change(e.Account, e.Resource, e.Collector)
	if err == nil {
		s.expect(e)
	}
	return err
}

// put counts an exhibit.
func (l *ledger) put(x *Exhibit) error {
	s, err := l.change(x.Account, x.Resource, x.Collector)
	if err == nil {
		s.put(x)
	}
	return err
}

// gap counts something missing.
func (l *ledger) gap(g *Gap) error {
	s, err := l.change(g.Account, g.Resource, g.Collector)
	if err == nil {
		s.gap(g)
	}
	return err
}

// has says whether an exhibit was put.
func (l *ledger) has(account, resource, item string) (bool, error) {
	if l.accounts[account] == nil {
		if _, known := l.away[account]; !known {
			return false, nil
		}
	}
	a, err := l.account(account)
	if err != nil {
		return false, err
	}
	s := a.rows[resource]
	return s != nil && s.items.has(item), nil
}

// change gives the state of a resource that is about to change. It stands until another account is asked for.
func (l *ledger) change(account, resource, collector string) (*resourceState, error) {
	a, err := l.account(account)
	if err != nil {
		return nil, err
	}
	a.changed = true
	s := a.rows[resource]
	if s == nil {
		s = &resourceState{}
		a.rows[resource] = s
	}
	s.collector = collector
	return s, nil
}

// account brings an account into memory.
func (l *ledger) account(name string) (*accountLedger, error) {
	if l.last != nil && l.last.account == name {
		return l.last, nil
	}
	a := l.accounts[name]
	if a == nil {
		var err error
		if a, err = l.load(name); err != nil {
			return nil, err
		}
		if len(l.accounts) >= l.most {
			if err := l.putAway(); err != nil {
				return nil, err
			}
		}
		l.accounts[name] = a
	}
	l.uses++
	a.used, l.last = l.uses, a
	return a, nil
}

// putAway takes the account that was not used for the longest time out of memory.
func (l *ledger) putAway() error {
	var oldest *accountLedger
	for _, a := range l.accounts {
		if oldest == nil || a.used < oldest.used {
			oldest = a
		}
	}
	if oldest.changed {
		if err := l.store(oldest); err != nil {
			return fmt.Errorf("keeping the ledger of %s: %w", oldest.account, err)
		}
	}
	delete(l.accounts, oldest.account)
	return nil
}

// store writes an account at the end of the file.
func (l *ledger) store(a *accountLedger) error {
	if l.file == nil {
		f, err := l.disk.open(l.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		l.file = f
		_ = os.Remove(l.path) // where a file that is open cannot lose its name, close and Resume remove it
	}
	data := a.append(nil)
	if _, err := l.file.WriteAt(data, l.size); err != nil {
		return err
	}
	l.away[a.account] = ledgerPlace{l.size, uint32(len(data)), crc32.ChecksumIEEE(data)}
	l.size += int64(len(data))
	return nil
}

// load reads an account out of the file; one that is not there is new.
func (l *ledger) load(name string) (*accountLedger, error) {
	place, stored := l.away[name]
	if !stored {
		return &accountLedger{account: name, rows: make(map[string]*resourceState)}, nil
	}
	if l.file == nil {
		return nil, fmt.Errorf("the ledger of %s is closed", name)
	}
	data := make([]byte, place.size)
	if _, err := l.file.ReadAt(data, place.at); err != nil {
		return nil, fmt.Errorf("reading the ledger of %s: %w", name, err)
	}
	if crc32.ChecksumIEEE(data) != place.crc {
		return nil, fmt.Errorf("the ledger of %s is not what was written to the disk", name)
	}
	return readAccountLedger(name, data), nil
}

// close gives the file back. A ledger that is closed knows nothing of the accounts in it.
func (l *ledger) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Close(), l.disk.remove(l.path))
	l.file = nil
	return err
}

// names are the accounts in order.
func (l *ledger) names() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(l.accounts)), maps.Keys(l.away))
	slices.Sort(names)
	return slices.Compact(names)
}

// rows lists the coverage by account and resource. After an error nothing follows.
func (l *ledger) rows() iter.Seq2[Coverage, error] {
	return func(yield func(Coverage, error) bool) {
		for _, name := range l.names() {
			a, err := l.account(name)
			if err != nil {
				yield(Coverage{}, err)
				return
			}
			for _, resource := range slices.Sorted(maps.Keys(a.rows)) {
				if !yield(a.rows[resource].row(name, resource), nil) {
					return
				}
			}
		}
	}
}

// append writes what is known of an account, as readAccountLedger reads it. The form is that of this run of the program only.
func (a *accountLedger) append(b []byte) []byte {
	b = appendNumber(b, len(a.rows))
	for resource, s := range a.rows {
		b = appendText(appendText(b, resource), s.collector)
		b = appendBit(appendBit(b, s.expected), s.notOffered)
		b = binary.AppendVarint(binary.AppendVarint(b, s.asked), s.got)
		b = appendText(b, s.note)
		b = appendNumber(b, len(s.missing))
		for item, reason := range s.missing {
			b = appendText(appendText(b, item), reason)
		}
		b = s.items.append(b)
	}
	return b
}

func readAccountLedger(name string, data []byte) *accountLedger {
	r := &ledgerReader{data}
	n := r.number()
	a := &accountLedger{account: name, rows: make(map[string]*resourceState, n)}
	for range n {
		s := &resourceState{}
		resource := r.text()
		s.collector = r.text()
		s.expected, s.notOffered = r.bit(), r.bit()
		s.asked, s.got = r.signed(), r.signed()
		s.note = r.text()
		if n := r.number(); n > 0 {
			s.missing = make(map[string]string, n)
			for range n {
				item := r.text()
				s.missing[item] = r.text()
			}
		}
		s.items.read(r)
		a.rows[resource] = s
	}
	return a
}

func appendNumber(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func appendText(b []byte, s string) []byte { return append(appendNumber(b, len(s)), s...) }

func appendBit(b []byte, set bool) []byte {
	if set {
		return append(b, 1)
	}
	return append(b, 0)
}

// A ledgerReader reads what these have written, and nothing else: its checksum was looked at.
type ledgerReader struct{ rest []byte }

func (r *ledgerReader) unsigned() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[size:]
	return n
}

func (r *ledgerReader) number() int { return int(r.unsigned()) }

func (r *ledgerReader) signed() int64 {
	n, size := binary.Varint(r.rest)
	r.rest = r.rest[size:]
	return n
}

func (r *ledgerReader) bytes(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *ledgerReader) text() string { return string(r.bytes(r.number())) }

func (r *ledgerReader) bit() bool { return r.bytes(1)[0] == 1 }
