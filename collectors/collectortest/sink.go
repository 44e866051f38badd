package collectortest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

// A Kept is an exhibit that a Sink holds.
type Kept struct {
	evidence.Exhibit
	Body   []byte // nil if the Sink keeps digests only
	Size   int64
	Digest evidence.Digest
}

// A Sink is a collectors.Sink in memory that looks at what it is given. Its zero value is ready for use.
type Sink struct {
	// DigestsOnly keeps no bodies, for large tests.
	DigestsOnly bool

	// BeforePut, if set, is called before each exhibit is read; an error from it is what Put returns.
	BeforePut func(ex evidence.Exhibit) error

	mu       sync.Mutex
	kept     []Kept
	items    map[[3]string]bool
	names    map[string]string // folded as file systems fold -> as given
	gaps     []evidence.Gap
	expected map[string]evidence.Expectation // by resource
	problems []string
}

var (
	_ collectors.Sink     = (*Sink)(nil)
	_ collectors.Recaller = (*Sink)(nil)
)

// Put implements collectors.Sink.
func (s *Sink) Put(ex evidence.Exhibit, body io.Reader) (evidence.Digest, error) {
	if s.BeforePut != nil {
		if err := s.BeforePut(ex); err != nil {
			return evidence.Digest{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil {
		s.items, s.names = map[[3]string]bool{}, map[string]string{}
	}
	s.check(ex)
	key, folded := [3]string{ex.Account, ex.Resource, ex.Item}, strings.ToLower(ex.Name)
	if s.items[key] || s.names[folded] != "" {
		s.problem("put twice: %s %s as %s", ex.Resource, ex.Item, ex.Name)
		return evidence.Digest{}, evidence.ErrTaken
	}
	k := Kept{Exhibit: ex}
	hash := sha256.New()
	if s.DigestsOnly {
		n, err := io.Copy(hash, body)
		if err != nil {
			return evidence.Digest{}, err
		}
		k.Size = n
	} else {
		var err error
		if k.Body, err = io.ReadAll(io.TeeReader(body, hash)); err != nil {
			return evidence.Digest{}, err
		}
		k.Size = int64(len(k.Body))
	}
	hash.Sum(k.Digest[:0])
	s.items[key], s.names[folded] = true, ex.Name
	s.kept = append(s.kept, k)
	return k.Digest, nil
}

// Gap implements collectors.Sink.
func (s *Sink) Gap(g evidence.Gap) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.Account == "" || g.Collector == "" || g.Resource == "" || g.Class == "" || g.Reason == "" || g.At.IsZero() {
		s.problem("a gap lacks account, collector, resource, class, reason or time: %+v", g)
	}
	s.gaps = append(s.gaps, g)
	return nil
}

// Expect implements collectors.Sink.
func (s *Sink) Expect(e evidence.Expectation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Account == "" || e.Collector == "" || e.Resource == "" || e.Count < 0 || e.NotOffered && e.Count != 0 {
		s.problem("an expectation lacks account, collector or resource, or its count is wrong: %+v", e)
	}
	if s.expected == nil {
		s.expected = map[string]evidence.Expectation{}
	}
	s.expected[e.Resource] = e
	return nil
}

// Has implements collectors.Sink.
func (s *Sink) Has(account, resource, item string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[[3]string{account, resource, item}]
}

func (s *Sink) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

func (s *Sink) check(ex evidence.Exhibit) {
	if ex.Account == "" || ex.Collector == "" || ex.Resource == "" || ex.MediaType == "" || ex.FetchedAt.IsZero() {
		s.problem("an exhibit lacks account, collector, resource, media type or time: %+v", ex)
	}
	fields := []string{ex.Account, ex.Collector, ex.Resource, ex.Item, ex.Name, ex.MediaType, ex.Request}
	for k, v := range ex.Attrs {
		fields = append(fields, k, v)
	}
	for _, f := range fields {
		if !utf8.ValidString(f) {
			s.problem("%q is not UTF-8", f)
		}
	}
	for element := range strings.SplitSeq(ex.Name, "/") {
		if why := unsafeElement(element); why != "" {
			s.problem("the name %q is not safe: %s", ex.Name, why)
		}
	}
}

// unsafeElement says why one element of a name could be misread. "~" stands beside what evidence.SafeName gives: a
// collector sets elements apart with it.
func unsafeElement(e string) string {
	switch {
	case e == "":
		return "an element is empty"
	case len(e) > 160:
		return "an element is longer than 160 bytes"
	case strings.ContainsAny(e[:1], ".- "), strings.ContainsAny(e[len(e)-1:], ". "):
		return "an element begins or ends with a dot, a dash or a space"
	}
	for _, c := range e {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._@+=,- %~", c) {
			return fmt.Sprintf("%q is in it", c)
		}
	}
	return ""
}

// Kept returns the exhibits in the order they came.
func (s *Sink) Kept() []Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// Messages returns the exhibits that are messages or header blocks of such.
func (s *Sink) Messages() []Kept {
	return slices.DeleteFunc(s.Kept(), func(k Kept) bool {
		return k.MediaType != "message/rfc822" && k.MediaType != "text/rfc822-headers"
	})
}

// Resource returns the exhibits of one resource.
func (s *Sink) Resource(resource string) []Kept {
	return slices.DeleteFunc(s.Kept(), func(k Kept) bool { return k.Resource != resource })
}

// Gaps returns the gaps in the order they came.
func (s *Sink) Gaps() []evidence.Gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.gaps)
}

// Expected returns what was last announced of a resource.
func (s *Sink) Expected(resource string) (evidence.Expectation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.expected[resource]
	return e, ok
}

// Records implements collectors.Recaller: the exhibits, then the gaps.
func (s *Sink) Records() iter.Seq2[evidence.Record, error] {
	return func(yield func(evidence.Record, error) bool) {
		n := int64(0)
		for i, k := range s.Kept() {
			n++
			stored := &evidence.StoredExhibit{Exhibit: k.Exhibit, Offset: int64(i), Size: k.Size, SHA256: k.Digest}
			if !yield(evidence.Record{N: n, Exhibit: stored}, nil) {
				return
			}
		}
		for _, g := range s.Gaps() {
			n++
			if !yield(evidence.Record{N: n, Gap: &g}, nil) {
				return
			}
		}
	}
}

// Body implements collectors.Recaller.
func (s *Sink) Body(x *evidence.StoredExhibit) (io.Reader, error) {
	kept := s.Kept()
	if x.Offset < 0 || x.Offset >= int64(len(kept)) || kept[x.Offset].Name != x.Name {
		return nil, fmt.Errorf("%s is not in this sink", x.Name)
	}
	return bytes.NewReader(kept[x.Offset].Body), nil
}

// Silence lists the resources of which more was announced than was kept or named in a gap. A gap without an item
// stands for its whole resource.
func (s *Sink) Silence() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	accounted := map[string]int64{}
	whole := map[string]bool{}
	for _, k := range s.kept {
		accounted[k.Resource]++
	}
	for _, g := range s.gaps {
		accounted[g.Resource]++
		whole[g.Resource] = whole[g.Resource] || g.Item == ""
	}
	var silent []string
	for resource, e := range s.expected {
		if n := accounted[resource]; n < e.Count && !whole[resource] {
			silent = append(silent, fmt.Sprintf("%s: %d announced, %d accounted for", resource, e.Count, n))
		}
	}
	slices.Sort(silent)
	return silent
}

// Problems lists what was wrong with what the sink was given: names and items that came twice, unsafe names, missing
// fields, text that is not UTF-8.
func (s *Sink) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}
