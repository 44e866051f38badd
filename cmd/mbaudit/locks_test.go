package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// lockedBundle puts three objects into a real store, locked for a day.
func lockedBundle(t *testing.T) (*s3.Store, time.Time) {
	t.Helper()
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	until := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	st, err := s3.New(t.Context(), s3.Config{Endpoint: srv.URL, Bucket: "locked", Region: srv.Region, AccessKey: srv.AccessKey,
		SecretKey: secret.New(srv.SecretKey), CAFile: srv.CAFile, RetainUntil: until})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"01J/a", "01J/b", "01J/c"} {
		body := []byte(name)
		if err := st.Create(t.Context(), store.Object{Name: name, Size: int64(len(body)), SHA256: sha256.Sum256(body)}, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	return st, until
}

// failing refuses to change the lock of one object until it is repaired.
type failing struct {
	store.LockChanger
	name     string
	repaired bool
}

func (f *failing) ExtendLock(ctx context.Context, name, version string, until time.Time) (store.Lock, bool, error) {
	if name == f.name && !f.repaired {
		return store.Lock{}, false, errors.New("refused by the test")
	}
	return f.LockChanger.ExtendLock(ctx, name, version, until)
}

// TestLockChangeGoesOn shows that one object that cannot be locked does not keep the others from being locked, and that a
// second run does only what is left.
func TestLockChangeGoesOn(t *testing.T) {
	st, until := lockedBundle(t)
	later := until.Add(time.Hour)
	change := lockChange{location: "s3://locked/01J", apply: func(ctx context.Context, ch store.LockChanger, v store.Version) (bool, error) {
		_, changed, err := ch.ExtendLock(ctx, v.Name, v.VersionID, later)
		return changed, err
	}}
	flaky := &failing{LockChanger: st, name: "01J/b"}
	result, err := change.all(t.Context(), flaky, st, "01J")
	if err != nil || result.Changed != 2 || result.Already != 0 || len(result.Left) != 1 || result.Left[0].Name != "b" ||
		result.Left[0].Error != "refused by the test" {
		t.Fatalf("first run: %+v, %v", result, err)
	}
	survey, err := surveyBundle(t.Context(), st, "01J")
	if err != nil {
		t.Fatal(err)
	}
	v := new(evidence.Verification)
	locks, err := survey.locks(t.Context(), v, later, time.Now())
	if err != nil || locks.Locked != 3 || len(v.Damage) != 1 || v.Damage[0].Kind != damageLockShort || v.Damage[0].Name != "b" {
		t.Errorf("locks %+v, damage %+v, %v", locks, v.Damage, err)
	}
	if !strings.Contains(strings.Join(locks.Notes, "\n"), "end on different days") {
		t.Errorf("notes: %q", locks.Notes)
	}
	flaky.repaired = true
	result, err = change.all(t.Context(), flaky, st, "01J")
	if err != nil || result.Changed != 1 || result.Already != 2 || len(result.Left) != 0 {
		t.Errorf("second run: %+v, %v", result, err)
	}
	if _, err := change.all(t.Context(), flaky, st, "01K"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bundle that is not there: got %v, want fs.ErrNotExist", err)
	}
}

// unlistable is a store whose key may not list versions.
type unlistable struct{ *s3.Store }

func (unlistable) Versions(context.Context, string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		yield(store.Version{}, &s3.Refusal{Status: 403, Code: "AccessDenied"})
	}
}

// TestSurveyWithoutRight reads and checks what it may, and says what it did not look for.
func TestSurveyWithoutRight(t *testing.T) {
	st, until := lockedBundle(t)
	survey, err := surveyBundle(t.Context(), unlistable{st}, "01J")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, err := range survey.Names(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if have := strings.Join(names, " "); have != "a b c" {
		t.Errorf("names %q", have)
	}
	v := new(evidence.Verification)
	survey.report(v)
	locks, err := survey.locks(t.Context(), v, until, time.Now())
	if err != nil || locks.Locked != 3 || len(v.Damage) != 0 {
		t.Fatalf("locks %+v, damage %+v, %v", locks, v.Damage, err)
	}
	for _, c := range v.Checks {
		if strings.Contains(c.What, "hidden") {
			t.Errorf("what was not looked for is said to be checked: %+v", c)
		}
	}
	if notes := strings.Join(locks.Notes, "\n"); !strings.Contains(notes, "were not looked for: the service answered 403 AccessDenied") {
		t.Errorf("notes: %q", locks.Notes)
	}
}

// TestBrokenPromise compares locks with the journal's word, as long as that is still to come.
func TestBrokenPromise(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	for _, test := range []struct {
		name     string
		lock     store.Lock
		promised time.Time
		want     evidence.DamageKind
	}{
		{"as promised", store.Lock{Mode: store.Compliance, Until: day(30)}, day(30), ""},
		{"longer", store.Lock{Mode: store.Compliance, Until: day(31)}, day(30), ""},
		{"shorter", store.Lock{Mode: store.Compliance, Until: day(29)}, day(30), damageLockShort},
		{"none", store.Lock{}, day(30), damageLockLost},
		{"a hold only", store.Lock{LegalHold: true}, day(30), damageLockLost},
		{"governance", store.Lock{Mode: store.Governance, Until: day(99)}, day(30), damageLockLost},
		{"over by now", store.Lock{}, day(-1), ""},
		{"nothing promised", store.Lock{}, time.Time{}, ""},
	} {
		have := evidence.DamageKind("")
		if d := brokenPromise(test.lock, test.promised, now); d != nil {
			have = d.Kind
		}
		if have != test.want {
			t.Errorf("%s: %q, want %q", test.name, have, test.want)
		}
	}
}
