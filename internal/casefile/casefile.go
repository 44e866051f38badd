package casefile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Names in a case directory.
const (
	Name        = "case.yaml"
	JournalName = "journal.jsonl"
	BundlesName = "bundles"
)

// DefaultMaxDays is how long a case may lock its objects unless case.yaml says otherwise: a compliance lock cannot be
// taken back, and personal data must not be kept longer than it is needed (GDPR art. 5).
const DefaultMaxDays = 400

// DefaultTimestampURLs are the authorities that are asked unless the case or --tsa names others: the qualified one of
// the Kingdom of Belgium and DigiCert's public one.
func DefaultTimestampURLs() []string {
	return []string{"http://tsa.belgium.be/connect", "http://timestamp.digicert.com"}
}

// A Case is case.yaml. Everything but Case and Operator may be empty in an emergency.
type Case struct {
	Version      int               `yaml:"version"`
	Case         string            `yaml:"case"` // the case's own reference
	OpenedAt     time.Time         `yaml:"opened_at"`
	TimeZone     string            `yaml:"time_zone"` // IANA name, for showing times; what is stored is UTC
	Language     string            `yaml:"language"`  // fr or en
	Organisation string            `yaml:"organisation"`
	Operator     Operator          `yaml:"operator"`
	Authority    string            `yaml:"authority"` // the mandate: who asked for this, when, on what ground
	Roles        map[string]string `yaml:"roles"`
	Contacts     []Contact         `yaml:"contacts"`
	Business     Business          `yaml:"business"`
	Complainant  Complainant       `yaml:"complainant"`
	Insurance    Insurance         `yaml:"insurance"`
	Bank         Contact           `yaml:"bank"` // whom to call for a recall of funds
	Hosting      Hosting           `yaml:"hosting"`
	OwnDomains   []string          `yaml:"own_domains"`
	Sensitive    map[string]string `yaml:"sensitive_accounts"` // address: management, finance, staff, computing …
	Retention    Retention         `yaml:"retention"`
	Timestamp    []string          `yaml:"timestamp"` // URLs of time-stamping authorities (RFC 3161)
}

// An Operator is who runs mbaudit.
type Operator struct {
	Name    string `yaml:"name"`
	Contact string `yaml:"contact"`
}

// A Contact is whom to call.
type Contact struct {
	Name  string `yaml:"name" json:"name,omitempty"`
	Role  string `yaml:"role" json:"role,omitempty"`
	Phone string `yaml:"phone" json:"phone,omitempty"`
	Email string `yaml:"email" json:"email,omitempty"`
}

// Business says what the organisation lives on, so that urgency can be judged.
type Business struct {
	CriticalActivities []string `yaml:"critical_activities" json:"critical_activities,omitempty"`
	DependsOnMailbox   []string `yaml:"depends_on_mailbox" json:"depends_on_mailbox,omitempty"`
	MoneyWorkflows     []string `yaml:"money_workflows" json:"money_workflows,omitempty"`
	Continuity         string   `yaml:"continuity" json:"continuity,omitempty"` // the procedure to work without the mailbox, or "no"; empty: nobody said
}

// Complainant is who would file a complaint: for a company its legal person.
type Complainant struct {
	Name           string `yaml:"name" json:"name,omitempty"`
	Registration   string `yaml:"registration" json:"registration,omitempty"`     // in France the SIREN
	Representative string `yaml:"representative" json:"representative,omitempty"` // who signs, and in what quality
	Address        string `yaml:"address" json:"address,omitempty"`               // postal
}

// Insurance is who insures against this.
type Insurance struct {
	Insurer string `yaml:"insurer" json:"insurer,omitempty"`
	Policy  string `yaml:"policy" json:"policy,omitempty"`
	Phone   string `yaml:"phone" json:"phone,omitempty"`
}

// Hosting says where the attacked machines are: the place of the facts decides who is competent, and their clock how a log is read.
type Hosting struct {
	Provider string `yaml:"provider" json:"provider,omitempty"`
	Address  string `yaml:"address" json:"address,omitempty"`     // postal
	TimeZone string `yaml:"time_zone" json:"time_zone,omitempty"` // IANA name, of the servers' logs
}

// Retention says how long pushed evidence is locked.
type Retention struct {
	Until   string `yaml:"until"`    // a day, YYYY-MM-DD: locked to its end, UTC
	MaxDays int    `yaml:"max_days"` // no lock may end later than this many days from the push
}

// Roles are those that the doctrine asks a crisis cell to fill.
func Roles() []string {
	return []string{"decision_maker", "technical_lead", "scribe", "dpo", "legal", "communication", "business", "finance", "provider", "csirt"}
}

// New is a case with its defaults.
func New(reference string, operator Operator, now time.Time) Case {
	c := Case{Version: 1, Case: reference, OpenedAt: now.UTC().Truncate(time.Second), TimeZone: now.Location().String(), Language: "en",
		Operator: operator, Roles: make(map[string]string), Sensitive: make(map[string]string), Timestamp: DefaultTimestampURLs(),
		Retention: Retention{Until: now.UTC().AddDate(0, 0, DefaultMaxDays-1).Format(time.DateOnly), MaxDays: DefaultMaxDays}}
	for _, role := range Roles() {
		c.Roles[role] = ""
	}
	return c
}

// Create makes the case directory with its case.yaml. A case that is there already is refused with an error that wraps
// fs.ErrExist.
func Create(dir string, c Case) error {
	if err := c.Check(); err != nil {
		return err
	}
	doc, err := c.encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := create(filepath.Join(dir, Name), doc); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, BundlesName), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// encode writes case.yaml.
func (c Case) encode() ([]byte, error) {
	var doc bytes.Buffer
	doc.WriteString("# mbaudit case. Fill in what you know, here or with mbaudit init --edit; what stays empty shows as open in the report.\n")
	enc := yaml.NewEncoder(&doc)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(c), enc.Close())
	return doc.Bytes(), err
}

// create makes a file that was not there.
func create(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// Load reads the case in dir.
func Load(dir string) (Case, error) {
	path := filepath.Join(dir, Name)
	data, err := os.ReadFile(path)
	if err != nil {
		return Case{}, err
	}
	var c Case
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && err != io.EOF {
		return Case{}, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := c.Check(); err != nil {
		return Case{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return c, nil
}

// Check says what of a case cannot be.
func (c Case) Check() error {
	switch {
	case c.Version != 1:
		return fmt.Errorf("version is %d, this mbaudit reads version 1", c.Version)
	case c.Case == "":
		return errors.New("case is empty; give the case a reference")
	case c.Operator.Name == "":
		return errors.New("operator.name is empty; say who runs mbaudit")
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil {
		return fmt.Errorf("time_zone %q is not known; write it as in Europe/Paris", c.TimeZone)
	}
	if zone := c.Hosting.TimeZone; zone != "" {
		if _, err := time.LoadLocation(zone); err != nil {
			return fmt.Errorf("hosting.time_zone %q is not known; write it as in Europe/Paris", zone)
		}
	}
	if c.Retention.MaxDays < 0 {
		return fmt.Errorf("retention.max_days is %d; write a number of days from 1 on", c.Retention.MaxDays)
	}
	if c.Retention.Until != "" {
		if _, err := time.Parse(time.DateOnly, c.Retention.Until); err != nil {
			return fmt.Errorf("retention.until %q is not a day; write it as in 2027-12-31", c.Retention.Until)
		}
	}
	for _, raw := range c.Timestamp {
		if err := CheckTimestampURL(raw); err != nil {
			return fmt.Errorf("timestamp: %w", err)
		}
	}
	return nil
}

// Sensitivity says why an account weighs more than its size; "" where the case does not say so.
func (c Case) Sensitivity(account string) string {
	for address, why := range c.Sensitive {
		if strings.EqualFold(strings.TrimSpace(address), account) {
			return cmp.Or(strings.TrimSpace(why), "sensitive")
		}
	}
	return ""
}

// CheckTimestampURL says whether a URL can be that of a time-stamping authority.
func CheckTimestampURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not the address of a time-stamping authority; write it as in http://timestamp.example.com", raw)
	}
	return nil
}

// A RetentionError says why a day cannot be the end of a lock.
type RetentionError struct {
	Until   string
	MaxDays int
	Reason  string
}

// Error tells the reason.
func (e *RetentionError) Error() string {
	return fmt.Sprintf("evidence cannot be locked until %s: %s", e.Until, e.Reason)
}

// LockUntil is the moment to which objects pushed now are locked: the end of the day until, or of retention.until where
// that is empty. A day that is not in the future, or later than retention.max_days from now, is refused with a
// *RetentionError.
func (c Case) LockUntil(until string, now time.Time) (time.Time, error) {
	if until == "" {
		until = c.Retention.Until
	}
	maxDays := c.Retention.MaxDays
	if maxDays == 0 {
		maxDays = DefaultMaxDays
	}
	refuse := func(reason string) (time.Time, error) {
		return time.Time{}, &RetentionError{Until: until, MaxDays: maxDays, Reason: reason}
	}
	if until == "" {
		return refuse("the case names no day")
	}
	day, err := time.Parse(time.DateOnly, until)
	if err != nil {
		return refuse("it is not a day written as 2027-12-31")
	}
	end := day.AddDate(0, 0, 1).Add(-time.Second)
	if !end.After(now) {
		return refuse("it is in the past")
	}
	if end.After(now.AddDate(0, 0, maxDays)) {
		return refuse(fmt.Sprintf("the case allows %d days from now at the most (retention.max_days)", maxDays))
	}
	return end, nil
}

// ErrNoCase says that a directory holds no case.
var ErrNoCase = errors.New("no case here")

// Find gives the case directory: the one named by flag, else by environment, else the current one if it holds a case.
func Find(flag, environment string) (string, error) {
	for _, dir := range []string{flag, environment, "."} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, Name)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("%s: %w", dir, ErrNoCase)
			}
			return "", err
		}
		return dir, nil
	}
	return "", ErrNoCase
}
