package authlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/logfiles"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Errors that callers decide by.
var (
	// ErrNothing says that the path matches no file.
	ErrNothing = errors.New("there is no log")
)

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
	// size it may grow beyond the first 64 MiB, 2000 if 0 (logs that repeat one line reach 1000 with xz).
	MaxDecompressed int64
	MaxRatio        int64

	Report collectors.Progress // hears how far it is, files for messages; may be nil

	eventPart int64 // bytes of events in one exhibit; for tests
}

// A Collector reads one path's logs. It is safe for use by several goroutines.
type Collector struct {
	cfg    Config
	limits logfiles.Limits
}

// New checks cfg and whether there is something at its path, and returns the collector. It opens no file.
func New(cfg Config) (*Collector, error) {
	if cfg.Path == "" {
		return nil, errors.New("authlog: no log is named: give a file, a directory or a pattern")
	}
	limits, err := logfiles.Limits{MaxDecompressed: cfg.MaxDecompressed, MaxRatio: cfg.MaxRatio}.Settle()
	if err := errors.Join(logfiles.Check(cfg.Path), err); err != nil {
		return nil, fmt.Errorf("authlog: %w", err)
	}
	if found, err := find(cfg.Path); err != nil {
		return nil, err
	} else if len(found) == 0 {
		return nil, nothing(cfg.Path)
	}
	if cfg.Report == nil {
		cfg.Report = collectors.NoProgress{}
	}
	if cfg.eventPart == 0 {
		cfg.eventPart = 1 << 30
	}
	return &Collector{cfg: cfg, limits: limits}, nil
}

// Name implements collectors.Collector.
func (c *Collector) Name() string { return "authlog" }

// A run is one call of Collect.
type run struct {
	*Collector
	ctx      context.Context
	account  string
	accounts []string
	sink     collectors.Sink
	where    string          // the path asked for, in UTF-8
	names    map[string]bool // of exhibits, folded as file systems fold
	parts    int64           // exhibits of events beyond one a file
	files    int64           // that can be read
}

// Collect implements collectors.Collector. Of the scope only the account counts: files are kept whole.
func (c *Collector) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	if scope.Account == "" {
		return errors.New("authlog: no account is named")
	}
	r := &run{Collector: c, ctx: ctx, account: scope.Account, accounts: c.cfg.Accounts, sink: sink, where: logfiles.UTF8Path(c.cfg.Path), names: map[string]bool{}}
	if len(r.accounts) == 0 {
		r.accounts = []string{scope.Account}
	}
	if err := r.all(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: authlog: %w", visible.Text(scope.Account), err)
	}
	return nil
}

// all looks at every file once before any is kept: the years of one file follow from the next younger one.
func (r *run) all() error {
	found, err := find(r.cfg.Path)
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
	if err := r.announce(int64(len(found))); err != nil {
		return err
	}
	var logs []*logFile
	for i := range found {
		f, err := r.examine(&found[i])
		if err != nil {
			return err
		}
		if f != nil {
			logs = append(logs, f)
		}
	}
	inferYears(logs, r.cfg.Location)
	for _, f := range logs {
		if err := r.keep(f); err != nil {
			return err
		}
	}
	return nil
}

// announce tells the ledger how many exhibits are to come.
func (r *run) announce(found int64) error {
	return errors.Join(
		r.expect("log", found),
		r.expect("log-events", r.files+r.parts),
		r.expect("log-summary", r.files))
}

// limits bound what a compressed file unpacks to.
func nothing(path string) error {
	return fmt.Errorf("%w at %s: give a file, a directory, or a pattern in quotes such as '/var/log/mail.log*'", ErrNothing, visible.Text(logfiles.UTF8Path(path)))
}

func (r *run) resource(kind string) string { return kind + ":" + r.where }

func (r *run) expect(kind string, count int64) error {
	return r.sink.Expect(evidence.Expectation{Account: r.account, Collector: r.Name(), Resource: r.resource(kind), Count: count})
}

// gap writes down that a file was not read, or not to its end.
func (r *run) gap(kind, item string, class evidence.GapClass, reason string) error {
	return r.sink.Gap(evidence.Gap{Account: r.account, Collector: r.Name(), Resource: r.resource(kind), Item: item, Class: class,
		Request: "read " + item, Reason: reason, At: time.Now().UTC()})
}

// lost writes down that nothing of a file was kept. Its events and summary are then no longer expected.
func (r *run) lost(item string, class evidence.GapClass, reason string) error {
	r.files--
	return errors.Join(
		r.gap("log", item, class, reason),
		r.expect("log-events", r.files+r.parts),
		r.expect("log-summary", r.files))
}
