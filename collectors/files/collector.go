package files

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A Kind says what a path holds.
type Kind string

// The kinds. MboxO and MboxRD are an mbox of which the operator knows how "From " was escaped: beside the bytes as they
// are, copies without the escaping are kept.
const (
	EML     Kind = "eml"
	Mbox    Kind = "mbox"
	MboxO   Kind = "mboxo"
	MboxRD  Kind = "mboxrd"
	Maildir Kind = "maildir"
	Sieve   Kind = "sieve"
)

// A Config says what is imported.
type Config struct {
	Kind   Kind
	Path   string              // a file, a directory, or a pattern as filepath.Glob reads it (not for Maildir)
	Report collectors.Progress // hears how far it is; may be nil
	Limits Limits              // on what an archive can make us read

	Attachment Attachment // of the kind Attached
}

// A Collector imports what one path names. It is safe for use by several goroutines.
type Collector struct {
	cfg     Config
	path    string                      // absolute
	refused func(rel string) error      // of tests: what the system says when a file is opened
	changed func(place string, n int64) // of tests: called when n messages of an mbox are kept
}

// New checks that there is something at the path and that it is of the kind. It reads the first bytes of files only.
func New(cfg Config) (*Collector, error) {
	if cfg.Report == nil {
		cfg.Report = collectors.NoProgress{}
	}
	cfg.Limits = cfg.Limits.withDefaults()
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, err
	}
	c := &Collector{cfg: cfg, path: path}
	places, err := c.places()
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		if err := c.check(p); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Path is the absolute path or pattern that is imported.
func (c *Collector) Path() string { return c.path }

// Name implements collectors.Collector. All forms of mbox have one name.
func (c *Collector) Name() string {
	switch c.cfg.Kind {
	case MboxO, MboxRD:
		return string(Mbox)
	}
	return string(c.cfg.Kind)
}

// Collect implements collectors.Collector for the account in scope, which is whose mail the path holds. A scope with
// bounds is refused: files do not tell reliably when a message was received, nor in which folder it was.
func (c *Collector) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	if scope.Account == "" {
		return fmt.Errorf("%s: no account is named", c.Name())
	}
	if len(scope.Folders) > 0 || !scope.Since.IsZero() || !scope.Until.IsZero() {
		return fmt.Errorf("%s: %w", visible.Text(c.path), ErrBounded)
	}
	places, err := c.places()
	if err != nil {
		return err
	}
	r := &run{c: c, ctx: ctx, scope: scope, sink: sink, expected: map[string]map[string]bool{}, names: map[uint64]bool{}}
	for _, p := range places {
		if err := r.place(p); err != nil {
			if ctx.Err() != nil && !errors.Is(err, evidence.ErrStorage) {
				return context.Cause(ctx)
			}
			return err
		}
	}
	return nil
}

// A run is one call of Collect.
type run struct {
	c     *Collector
	ctx   context.Context
	scope collectors.Scope
	sink  collectors.Sink

	expected   map[string]map[string]bool // resource -> items announced, for resources that grow as they are read
	names      map[uint64]bool            // hashes of the names given so far, as file systems fold them
	onlyListed int                        // files of the present place that are not of the kind
}

// place imports one path.
func (r *run) place(p *place) error {
	r.c.cfg.Report.Step(filepath.Base(p.path))
	t, err := r.c.openTree(p)
	if err != nil && r.c.cfg.Kind == Attached {
		return r.gap(r.c.cfg.Attachment.Resource, visible.Text(p.path), classOf(err), "reading "+visible.Text(p.path), err.Error())
	}
	if err != nil {
		return r.gap(r.importOf(p), "found", classOf(err), "reading "+visible.Text(p.path), err.Error())
	}
	defer t.close()
	if r.c.cfg.Kind == Attached {
		return r.attached(t)
	}
	if err := r.list(t); err != nil {
		return err
	}
	r.onlyListed = 0
	switch r.c.cfg.Kind {
	case Maildir:
		err = r.maildir(t)
	case Sieve:
		err = r.sieve(t)
	case EML:
		err = r.emls(t)
	case Raw:
		err = r.raw(t)
	default:
		err = r.mboxes(t)
	}
	if err != nil {
		return err
	}
	return r.announce(r.importOf(p), int64(len(r.expected[r.importOf(p)])), fmt.Sprintf("files found: %d, only listed: %d", t.files(), r.onlyListed))
}

// importOf is the resource of what describes a place.
func (r *run) importOf(p *place) string { return "import/" + r.label(p.path) }

// label names a path in resources.
func (r *run) label(path string) string { return r.c.Name() + ":" + visible.Text(path) }

// exhibit begins an exhibit.
func (r *run) exhibit(resource, item, name, mediaType, request string, attrs map[string]string) evidence.Exhibit {
	return evidence.Exhibit{Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, Item: item, Name: name, MediaType: mediaType,
		FetchedAt: time.Now().UTC(), Request: request, Attrs: attrs}
}

// has says whether an earlier run kept it.
func (r *run) has(resource, item string) bool { return r.sink.Has(r.scope.Account, resource, item) }

// try hands an exhibit to the sink. stop is an error that ends the collection, why one that only this exhibit has.
func (r *run) try(ex evidence.Exhibit, body io.Reader) (why, stop error) {
	if err := r.ctx.Err(); err != nil {
		return nil, context.Cause(r.ctx)
	}
	_, err := r.sink.Put(ex, &interruptible{r.ctx, body})
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, evidence.ErrStorage):
		return nil, fmt.Errorf("%s: %s: keeping %s: %w", visible.Text(r.scope.Account), r.c.Name(), ex.Resource, err)
	case r.ctx.Err() != nil:
		return nil, context.Cause(r.ctx)
	}
	return err, nil
}

// put is try, and a gap for what could not be kept.
func (r *run) put(ex evidence.Exhibit, body io.Reader) error {
	why, stop := r.try(ex, body)
	if why == nil {
		return stop
	}
	return r.gap(ex.Resource, ex.Item, classOf(why), ex.Request, why.Error())
}

// gap writes down what was not read.
func (r *run) gap(resource, item string, class evidence.GapClass, request, reason string) error {
	return r.sink.Gap(evidence.Gap{Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, Item: item, Class: class, Request: request,
		Reason: visible.Line(reason), At: time.Now().UTC()})
}

// announce says how many exhibits a resource has.
func (r *run) announce(resource string, count int64, note string) error {
	return r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, Count: count, Note: note})
}

// announceOne announces one more item of a resource whose items become known one by one.
func (r *run) announceOne(resource, item string) error {
	items := r.expected[resource]
	if items == nil {
		items = map[string]bool{}
		r.expected[resource] = items
	}
	items[item] = true
	return r.announce(resource, int64(len(items)), "")
}

// name gives the name of an exhibit: a path of the source, and a suffix of ours. Names that would be one file on some file
// system get "~2": the order in which they are asked for is the same in each run.
func (r *run) name(path, suffix string) string {
	name := evidence.SafeName(r.scope.Account) + "/" + r.c.Name() + "/" + safePath(path) + suffix
	stem, ending := name, ""
	if i := strings.LastIndexByte(name, '.'); i > strings.LastIndexByte(name, '/') {
		stem, ending = name[:i], name[i:]
	}
	for n := 2; r.names[foldedHash(name)]; n++ {
		name = fmt.Sprintf("%s~%d%s", stem, n, ending)
	}
	r.names[foldedHash(name)] = true
	return name
}

// maxSafePath is how long a path stays readable as a whole; of a longer one the last element and a sum are used.
const maxSafePath = 2000

// safePath turns a path of the source into elements that can stand in an exhibit's name.
func safePath(path string) string {
	var elements []string
	for element := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		if element != "" {
			elements = append(elements, evidence.SafeName(element))
		}
	}
	if len(elements) == 0 {
		return "%"
	}
	name := strings.Join(elements, "/")
	if len(name) > maxSafePath {
		name = evidence.SafeName(strings.Repeat("_", 100)+path) + "/" + elements[len(elements)-1]
	}
	return name
}

// foldedHash folds a name as the least discerning file systems do. 64 bits are enough not to meet by chance; that two
// names meet on purpose costs them a "~2".
func foldedHash(name string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, strings.ToLower(strings.ToUpper(norm.NFKC.String(name)))) // a hash takes every write
	return h.Sum64()
}

// classOf gives the class of a gap for what the system said.
func classOf(err error) evidence.GapClass {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return evidence.GapRefused
	case errors.Is(err, fs.ErrNotExist):
		return evidence.GapVanished
	case errors.Is(err, errChanged), errors.Is(err, errKind), errors.Is(err, evidence.ErrTaken), errors.Is(err, ErrLimit):
		return evidence.GapInvalid
	}
	return evidence.GapFailed
}

// internalDate writes a time as IMAP does (RFC 3501, date-time), so that it is read the same wherever a message came
// from.
func internalDate(t time.Time) string { return t.UTC().Format("_2-Jan-2006 15:04:05 -0700") }

// validText makes attributes of bytes.
func validText(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
