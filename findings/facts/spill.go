package facts

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"time"
)

// runBytes is how many bytes of facts are held before they are sorted and written away.
const runBytes = 16 << 20

// blockBytes is how much of that is allocated at once.
const blockBytes = 1 << 20

// A sorter takes facts in any order and gives them back by time, those without one first, and of one time in the order in
// which they came. What it cannot hold is in a temporary file that has no name.
type sorter struct {
	limit int
	held  []sortable
	size  int
	block []byte // where the written forms go, one behind the other, until it is full
	full  [][]byte
	empty [][]byte // blocks whose facts were written away
	file  *os.File
	runs  []span
	end   int64
	seq   uint64
}

type span struct{ from, to int64 }

// A sortable is a fact in its written form.
type sortable struct {
	at   int64 // nanoseconds since 1970; the least for no time
	seq  uint64
	data []byte
}

func (s sortable) less(o sortable) bool { return s.at < o.at || s.at == o.at && s.seq < o.seq }

func newSorter() *sorter { return &sorter{limit: runBytes} }

func (s *sorter) add(f *Fact) error { return s.put(f.Time, f.appendBinary) }

// addWritten takes a fact in its written form, which is copied.
func (s *sorter) addWritten(at time.Time, data []byte) error {
	return s.put(at, func(block []byte) []byte { return append(block, data...) })
}

func (s *sorter) put(at time.Time, write func(block []byte) []byte) error {
	if cap(s.block)-len(s.block) < blockBytes/8 {
		s.nextBlock()
	}
	from := len(s.block)
	s.block = write(s.block) // one that is longer than what is left moves the block; earlier ones stay where they are
	x := sortable{at: nanos(at), seq: s.seq, data: s.block[from:len(s.block):len(s.block)]}
	s.seq++
	s.held = append(s.held, x)
	if s.size += len(x.data) + 64; s.size < s.limit {
		return nil
	}
	return s.spill()
}

func (s *sorter) nextBlock() {
	if s.block != nil {
		s.full = append(s.full, s.block)
	}
	if n := len(s.empty); n > 0 {
		s.block, s.empty = s.empty[n-1], s.empty[:n-1]
	} else {
		s.block = make([]byte, 0, blockBytes)
	}
}

// nanos orders times. Years beyond what fits are at the ends.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return -1 << 63
	case t.Year() < 1700:
		return -1<<63 + 1
	case t.Year() > 2250:
		return 1<<63 - 1
	}
	return t.UnixNano()
}

func (s *sorter) sort() {
	slices.SortFunc(s.held, func(a, b sortable) int {
		if a.less(b) {
			return -1
		}
		return 1
	})
}

// spill writes what is held as one run.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp("", "mbaudit-facts-*")
		if err != nil {
			return fmt.Errorf("sorting facts: %w", err)
		}
		s.file = f
		_ = os.Remove(f.Name()) // where the system keeps an open file's name, close removes it
	}
	s.sort()
	w := bufio.NewWriterSize(s.file, 256<<10)
	from := s.end
	var head [24]byte
	for _, x := range s.held {
		binary.LittleEndian.PutUint64(head[:], uint64(x.at))
		binary.LittleEndian.PutUint64(head[8:], x.seq)
		binary.LittleEndian.PutUint64(head[16:], uint64(len(x.data)))
		if _, err := w.Write(head[:]); err != nil {
			return fmt.Errorf("sorting facts: %w", err)
		}
		if _, err := w.Write(x.data); err != nil {
			return fmt.Errorf("sorting facts: %w", err)
		}
		s.end += int64(len(head) + len(x.data))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("sorting facts: %w", err)
	}
	s.runs = append(s.runs, span{from, s.end})
	clear(s.held)
	s.held, s.size = s.held[:0], 0
	for _, block := range append(s.full, s.block) {
		if cap(block) == blockBytes { // one that a large fact made larger goes
			s.empty = append(s.empty, block[:0])
		}
	}
	s.full, s.block = s.full[:0], nil
	return nil
}

func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// A run is one sorted run that is being read.
type run struct {
	r    *bufio.Reader
	head sortable
}

// next reads the run's next fact, in the place of the one before; io.EOF is its end.
func (r *run) next() error {
	var head [24]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return err
	}
	size := int(binary.LittleEndian.Uint64(head[16:]))
	r.head = sortable{int64(binary.LittleEndian.Uint64(head[:])), binary.LittleEndian.Uint64(head[8:]), slices.Grow(r.head.data[:0], size)[:size]}
	_, err := io.ReadFull(r.r, r.head.data)
	return err
}

type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].head.less(h[j].head) }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*run)) }
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// all gives the facts in order. It can be called again.
func (s *sorter) all() iter.Seq2[*Fact, error] {
	return func(yield func(*Fact, error) bool) {
		if len(s.runs) == 0 {
			s.sort()
			for _, x := range s.held {
				if f, err := parseBinary(x.data); !yield(f, err) || err != nil {
					return
				}
			}
			return
		}
		if err := s.merge(yield); err != nil {
			yield(nil, fmt.Errorf("reading sorted facts: %w", err))
		}
	}
}

func (s *sorter) merge(yield func(*Fact, error) bool) error {
	if len(s.held) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.held, s.full, s.empty = nil, nil, nil // nothing comes any more
	var h runHeap
	for _, span := range s.runs {
		r := &run{r: bufio.NewReaderSize(io.NewSectionReader(s.file, span.from, span.to-span.from), 64<<10)}
		if err := r.next(); err != nil {
			return err
		}
		h = append(h, r)
	}
	heap.Init(&h)
	for len(h) > 0 {
		f, err := parseBinary(h[0].head.data)
		if err != nil {
			return err
		}
		if !yield(f, nil) {
			return nil
		}
		switch err := h[0].next(); {
		case err == io.EOF:
			heap.Pop(&h)
		case err != nil:
			return err
		default:
			heap.Fix(&h, 0)
		}
	}
	return nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendBinary writes a fact for the temporary file. The form is this program's own and lives as long as it runs.
func (f *Fact) appendBinary(b []byte) []byte {
	for _, s := range [...]string{f.Kind, f.Account, f.Collector, f.Resource, f.Bundle, f.Exhibit, f.Locator, f.Zone, f.Inferred} {
		b = appendString(b, s)
	}
	for _, t := range [...]time.Time{f.Time, f.Collected} {
		b = binary.AppendVarint(b, t.Unix())
		b = binary.AppendUvarint(b, uint64(t.Nanosecond()))
	}
	b = binary.AppendUvarint(b, uint64(len(f.Fields)))
	for _, field := range f.Fields {
		b = append(appendString(b, field.Name), byte(field.Value.form))
		if field.Value.form != list {
			b = appendString(b, field.Value.one)
			continue
		}
		b = binary.AppendUvarint(b, uint64(field.Value.Len()))
		for _, s := range field.Value.All() {
			b = appendString(b, s)
		}
	}
	return b
}

var errSpill = errors.New("the temporary file is damaged")

// A binaryReader takes apart what appendBinary wrote. All strings share one copy of the data.
type binaryReader struct {
	data string
	bad  bool
}

func (r *binaryReader) uvarint() uint64 {
	var x uint64
	for i := 0; i < len(r.data) && i < 10; i++ {
		c := r.data[i]
		x |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.data = r.data[i+1:]
			return x
		}
	}
	r.bad = true
	return 0
}

func (r *binaryReader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *binaryReader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.bad = true
		return ""
	}
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}

func (r *binaryReader) time() time.Time {
	seconds, nano := r.varint(), r.uvarint()
	return time.Unix(seconds, int64(nano)).UTC()
}

func parseBinary(data []byte) (*Fact, error) {
	r := &binaryReader{data: string(data)}
	f := &Fact{}
	for _, s := range [...]*string{&f.Kind, &f.Account, &f.Collector, &f.Resource, &f.Bundle, &f.Exhibit, &f.Locator, &f.Zone, &f.Inferred} {
		*s = r.string()
	}
	f.Time, f.Collected = r.time(), r.time()
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		return nil, errSpill
	}
	f.Fields = make(Fields, n, n+16)
	for i := range f.Fields {
		field := &f.Fields[i]
		field.Name = r.string()
		field.Value.form = form(r.uvarint())
		if field.Value.form != list {
			field.Value.one = r.string()
			continue
		}
		m := r.uvarint()
		if m > uint64(len(r.data)) {
			return nil, errSpill
		}
		texts := make([]string, m)
		for j := range texts {
			texts[j] = r.string()
		}
		field.Value.texts = &texts
	}
	if r.bad {
		return nil, errSpill
	}
	return f, nil
}
