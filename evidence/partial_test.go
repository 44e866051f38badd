package evidence

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// TestPartial seals what there is while collection goes on, twice, and shows that the later bundle holds what the earlier
// ones hold, in the same order.
func TestPartial(t *testing.T) {
	id := newIdentity(t)
	config := WriterConfig{SegmentSize: 30 << 10}
	w := newBundle(t, id, config)
	sealPartial := func() *Sealed {
		t.Helper()
		p, err := Partial(w.Dir(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		sealed := seal(t, p, id)
		if !sealed.Partial || !strings.Contains(filepath.Base(p.Dir()), partialMark) {
			t.Errorf("%s: partial %v", p.Dir(), sealed.Partial)
		}
		v := wantIntact(t, p.Dir())
		for _, row := range v.Acquisition.Coverage {
			if row.Status != StatusUnfinished {
				t.Errorf("coverage %+v", row)
			}
		}
		return sealed
	}
	none := sealPartial()
	if none.Counts.Exhibits != 0 {
		t.Errorf("of nothing: %+v", none.Counts)
	}
	for n := 1; n <= 7; n++ {
		put(t, w, n, 9000)
	}
	first := sealPartial() // what is in memory only is not in it: at least the full segment is
	if first.Counts.Exhibits < 4 || first.Counts.Exhibits > 7 {
		t.Errorf("first: %+v", first.Counts)
	}
	if err := w.Gap(Gap{Account: "alice@example.test", Collector: "imap", Resource: "acl", Class: GapRefused, Reason: "NO"}); err != nil {
		t.Fatal(err)
	}
	for n := 8; n <= 18; n++ {
		put(t, w, n, 9000)
	}
	second := sealPartial()
	put(t, w, 19, 9000)
	put(t, w, 20, 9000)
	if err := w.Close(); err != nil { // interrupted: now all that was kept is on the disk
		t.Fatal(err)
	}
	third := sealPartial()
	if third.Counts.Exhibits != 20 || third.Counts.Gaps != 1 || second.Tree.Size < first.Tree.Size {
		t.Errorf("second %+v, third %+v", second.Counts, third.Counts)
	}
	if _, err := Partial(w.Dir(), config); err == nil {
		t.Error("the same records were sealed in part twice")
	}
	again, err := Resume(w.Dir(), config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, again, 21, 9000)
	seal(t, again, id)
	wantIntact(t, w.Dir())
	if _, err := Partial(w.Dir(), config); !errors.Is(err, ErrSealed) {
		t.Errorf("Partial of a sealed bundle: %v", err)
	}
	wantPrefixes(t, w.Dir(), first, second, third)
}

// TestPartialWhileSealing seals in part at the moment when the bundle begins to seal a full segment of its own, many times:
// whatever of it has been done by then, all of that segment is there.
func TestPartialWhileSealing(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, recipients := range map[string][]string{"clear": nil, "encrypted": {key.Recipient().String()}} {
		t.Run(name, func(t *testing.T) {
			id := newIdentity(t)
			config := WriterConfig{SegmentSize: 30 << 10}
			opening := testOpening(id)
			opening.Recipients = recipients
			w, err := Create(filepath.Join(t.TempDir(), testBundle), opening, config)
			if err != nil {
				t.Fatal(err)
			}
			var heads []*Sealed
			for segment := range 16 {
				const each = 4
				for n := range each {
					put(t, w, each*segment+n, 9000)
				}
				p, err := Partial(w.Dir(), config)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := p.Counts().Exhibits, int64(each*(segment+1)); got != want {
					t.Errorf("of %d exhibits in full segments the partial bundle has %d", want, got)
				}
				if segment%8 == 3 {
					heads = append(heads, seal(t, p, id))
				} else if err := p.Close(); err != nil {
					t.Fatal(err)
				}
			}
			seal(t, w, id)
			if recipients == nil {
				wantIntact(t, w.Dir())
				wantPrefixes(t, w.Dir(), heads...)
			}
		})
	}
}

// wantPrefixes wants each partial tree head to be the one that the whole bundle had at that size.
func wantPrefixes(t *testing.T, dir string, heads ...*Sealed) {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	want := make(map[int64]Digest)
	for _, h := range heads {
		want[h.Tree.Size] = h.Tree.Root
	}
	var whole tree
	for n := 1; n <= b.Counts.Segments; n++ {
		for _, line := range strings.SplitAfter(string(readTestFile(t, filepath.Join(dir, indexPath(n)))), "\n") {
			if line == "" {
				continue
			}
			whole.add([]byte(line))
			if root, asked := want[whole.size]; asked && root != whole.root() {
				t.Errorf("the partial bundle of %d records is not a prefix", whole.size)
			}
		}
	}
}
