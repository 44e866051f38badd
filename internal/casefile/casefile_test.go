package casefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testCase() Case {
	return New("2026-0042", Operator{Name: "J. Petit"}, time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC))
}

func TestCreateAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "case")
	c := testCase()
	c.Authority = "request of the controller of 23 November 2026: \"all of it\"\nsecond line"
	if err := Create(dir, c); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil || got.Authority != c.Authority || got.Retention != c.Retention || len(got.Roles) != len(Roles()) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := Create(dir, c); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a case: %v", err)
	}
}

// TestTyposAreNoticed: case.yaml is edited by hand, so a misspelt word must not be passed over.
func TestTyposAreNoticed(t *testing.T) {
	for name, edit := range map[string][2]string{
		"unknown field": {"authority:", "authorty:"},
		"version":       {"version: 1", "version: 2"},
		"time zone":     {"time_zone: UTC", "time_zone: Paris"},
		"retention":     {"max_days: 400", "max_days: many"},
		"day":           {"until: ", "until: soon #"},
		"no operator":   {"name: J. Petit", "name: \"\""},
		"authority URL": {"http://tsa.belgium.be/connect", "tsa.belgium.be"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Create(dir, testCase()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, Name)
			data, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(data), edit[0]) {
				t.Fatalf("%s\n%v", data, err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(data), edit[0], edit[1], 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), Name) {
				t.Errorf("Load: %v", err)
			}
		})
	}
}

func TestLockUntil(t *testing.T) {
	c, now := testCase(), time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC)
	end, err := c.LockUntil("", now)
	if err != nil || end.After(now.AddDate(0, 0, DefaultMaxDays)) || end.Before(now.AddDate(0, 0, DefaultMaxDays-2)) {
		t.Errorf("the default is %v, %v", end, err)
	}
	if end, err := c.LockUntil("2026-11-23", now); err != nil || end.Format(time.DateTime) != "2026-11-23 23:59:59" {
		t.Errorf("to the end of the day: %v, %v", end, err)
	}
	for until, reason := range map[string]string{"2026-11-22": "in the past", "2028-01-01": "400 days", "31.12.2026": "not a day"} {
		var refused *RetentionError
		if _, err := c.LockUntil(until, now); !errors.As(err, &refused) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", until, err)
		}
	}
	c.Retention.Until = ""
	if _, err := c.LockUntil("", now); err == nil {
		t.Error("a case without a day locks")
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if err := Create(dir, testCase()); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(dir, "/elsewhere"); err != nil || got != dir {
		t.Errorf("by flag: %q, %v", got, err)
	}
	if got, err := Find("", dir); err != nil || got != dir {
		t.Errorf("by environment: %q, %v", got, err)
	}
	if _, err := Find(t.TempDir(), dir); !errors.Is(err, ErrNoCase) {
		t.Errorf("a flag that names no case: %v", err)
	}
	t.Chdir(dir)
	if got, err := Find("", ""); err != nil || got != "." {
		t.Errorf("here: %q, %v", got, err)
	}
}
