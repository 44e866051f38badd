package reportsfile

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/logfiles"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// ErrNothing says that the path matches no file.
var ErrNothing = errors.New("there is no audit log")

// A Config says where the logs are. New checks it before anything is read.
type Config struct {
	// Path is a file, a directory, whose files are read but not its subdirectories, or a pattern of path/filepath.Match.
	// A file that is named is read through symbolic links; links found in a directory or by a pattern must not lead out
	// of it.
	Path string

	// Location is the zone of times without one; nil if nobody knows it.
	Location *time.Location

	// Accounts are the accounts under examination, for marking events; none means the one in scope.
	Accounts []string

	// MaxDecompressed is how many bytes one compressed file may unpack to, 64 GiB if 0; MaxRatio is how many times its
	// size it may grow beyond the first 64 MiB, 2000 if 0.
	MaxDecompressed int64
	MaxRatio        int64

	Report collectors.Progress // hears how far it is, files for messages; may be nil

	eventPart int64 // bytes of events in one exhibit; for tests
	maxRecord int   // bytes of one record; for tests
	maxFile   int64 // bytes of one exhibit; for tests
	maxKnown  int   // events that are remembered; for tests
}

// A Collector reads one path's logs. It is safe for use by several goroutines.
type Collector struct {
	cfg    Config
	limits logfiles.Limits
}

// New checks cfg and whether there is something at its path, and returns the collector. It opens no file.
func New(cfg Config) (*Collector, error) {
	if cfg.Path == "" {
		return nil, errors.New("reports: no audit log is named: give a file, a directory or a pattern")
	}
	limits, err := logfiles.Limits{MaxDecompressed: cfg.MaxDecompressed, MaxRatio: cfg.MaxRatio}.Settle()
	if err := errors.Join(logfiles.Check(cfg.Path), err); err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	if found, err := logfiles.Find(cfg.Path); err != nil {
		return nil, err
	} else if len(found) == 0 {
		return nil, nothing(cfg.Path)
	}
	cfg.defaults()
	return &Collector{cfg: cfg, limits: limits}, nil
}

func (c *Config) defaults() {
	if c.Report == nil {
		c.Report = collectors.NoProgress{}
	}
	if c.eventPart == 0 {
		c.eventPart = 1 << 30
	}
	if c.maxFile == 0 {
		c.maxFile = 15<<28 - 1 // its segment is a ZIP archive without ZIP64
	}
	if c.maxKnown == 0 {
		c.maxKnown = 8_000_000
	}
}

// Name implements collectors.Collector.
func (c *Collector) Name() string { return "reportsfile" }

// A run is one call of Collect.
type run struct {
	*Collector
	ctx      context.Context
	account  string
	accounts []account
	sink     collectors.Sink
	where    string          // the path asked for, in UTF-8
	names    map[string]bool // of exhibits, folded as file systems fold
	parts    int64           // exhibits of events beyond one a file
	files    int64           // that can be read

	seed  maphash.Seed
	known map[uint64]struct{} // events that were there already, by a hash
}

// Collect implements collectors.Collector. Of the scope only the account counts: files are kept whole.
func (c *Collector) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	if scope.Account == "" {
		return errors.New("reports: no account is named")
	}
	names := c.cfg.Accounts
	if len(names) == 0 {
		names = []string{scope.Account}
	}
	r := &run{Collector: c, ctx: ctx, account: scope.Account, accounts: prepare(names), sink: sink, where: logfiles.UTF8Path(c.cfg.Path),
		names: map[string]bool{}, seed: maphash.MakeSeed(), known: map[uint64]struct{}{}}
	if err := r.all(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: reports: %w", visible.Text(scope.Account), err)
	}
	return nil
}

func (r *run) all() error {
	found, err := logfiles.Find(r.cfg.Path)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return nothing(r.cfg.Path)
	}
	for i := range found {
		if found[i].Refused == "" {
			r.files++
		}
	}
	if err := errors.Join(r.expect("reports", int64(len(found))), r.expectDerived()); err != nil {
		return err
	}
	for i := range found {
		if err := r.keep(&found[i]); err != nil {
			return err
		}
	}
	return nil
}

func nothing(path string) error {
	return fmt.Errorf("%w at %s: give a file, a directory, or a pattern in quotes such as 'exports/*.json'", ErrNothing, visible.Text(logfiles.UTF8Path(path)))
}

func (r *run) resource(kind string) string { return kind + ":" + r.where }

func (r *run) expect(kind string, count int64) error {
	return r.sink.Expect(evidence.Expectation{Account: r.account, Collector: r.Name(), Resource: r.resource(kind), Count: count})
}

func (r *run) expectDerived() error {
	return errors.Join(r.expect("report-events", r.files+r.parts), r.expect("report-summary", r.files))
}

// gap writes down that something of a file was not read.
func (r *run) gap(kind, item string, class evidence.GapClass, reason string) error {
	return r.sink.Gap(evidence.Gap{Account: r.account, Collector: r.Name(), Resource: r.resource(kind), Item: item, Class: class,
		Request: "read " + item, Reason: reason, At: time.Now().UTC()})
}

// lost writes down that nothing of a file was kept. Its events and summary are then no longer expected.
func (r *run) lost(item string, class evidence.GapClass, reason string) error {
	r.files--
	return errors.Join(r.gap("reports", item, class, reason), r.expectDerived())
}
