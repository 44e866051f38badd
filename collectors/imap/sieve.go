package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// maxScripts is how many scripts of one account are read, and maxScriptName how many bytes the name of one may have.
// Dovecot's defaults allow any number, with names of 2 KiB at the most.
const (
	maxScripts    = 10_000
	maxScriptName = 4096
)

// notListed is what a list of scripts does not prove (seen with Dovecot's Pigeonhole).
const notListed = "a script that the server runs for all its users, or a file put in place of the active script, is not listed"

var errSieveTime = errors.New("reading the Sieve scripts takes too long")

// A sieveReading reads the scripts of one account over ManageSieve. What goes wrong with it is a gap of resource "sieve"
// and never ends the collection.
type sieveReading struct {
	r     *run
	ctx   context.Context // with a bound on the whole
	place sievePlace

	conn *managesieve.Conn // nil when there is none
	raw  net.Conn          // below encryption
	stop func() bool       // ends the watch on the context

	fruitless int   // connections since a script was last kept
	dead      error // why there will be no other connection
	gaps      int
}

// A script is one name of LISTSCRIPTS.
type script struct {
	name   string // as received
	label  string // the item
	file   string
	active bool
	again  int // how often it is listed more than once
}

// sieve reads the account's Sieve scripts, active or not. The ledger's row "sieve" says in any case what became of it.
func (r *run) sieve() error {
	r.c.cfg.Report.Step("Sieve scripts")
	s := &sieveReading{r: r, place: r.c.sieve}
	if s.place.none {
		return s.notOffered("not asked for")
	}
	if r.sink.Has(r.scope.Account, "sieve-list", "after") {
		return r.sink.Expect(evidence.Expectation{
			Account: r.scope.Account, Collector: r.c.Name(), Resource: "sieve", Note: "all read by an earlier run; " + notListed,
		})
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, s.place.within, errSieveTime)
	defer cancel()
	s.ctx = ctx
	defer s.close()
	err := s.connect()
	if err == nil {
		err = s.scripts()
	}
	var absent *errNoSieve
	var failed *sieveError
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case errors.As(err, &absent):
		return s.notOffered(absent.why + s.filters())
	case errors.As(err, &failed):
		return r.gap("sieve", "", failed.class(), "LISTSCRIPTS", s.reason(failed))
	}
	return err
}

func (s *sieveReading) notOffered(why string) error {
	return s.r.sink.Expect(evidence.Expectation{
		Account: s.r.scope.Account, Collector: s.r.c.Name(), Resource: "sieve", NotOffered: true, Note: why,
	})
}

// filters says what the IMAP server offers of Sieve, which is to run scripts rather than to read them.
func (s *sieveReading) filters() string {
	found := s.advertised()
	if len(found) == 0 {
		return "; IMAP does not offer FILTER=SIEVE"
	}
	slices.Sort(found)
	return "; IMAP offers " + visible.Cut(strings.Join(found, " "), 300)
}

func (s *sieveReading) reason(err error) string {
	text := err.Error()
	if s.ctx.Err() != nil {
		text = fmt.Sprintf("%v, more than %v; %s", errSieveTime, s.place.within, text)
	}
	if len(s.advertised()) > 0 {
		text += s.filters()
	}
	return visible.Line(text)
}

// name is beside the directory of IMAP, where a folder could take any name.
func (s *sieveReading) name(file string) string {
	return evidence.SafeName(s.r.scope.Account) + "/sieve/" + file
}

func (s *sieveReading) keepSession(item, request string, answer *managesieve.Answer) error {
	return s.r.keep("sieve-session", item, s.name("capability-"+item+".txt"), "application/managesieve", request, answer.Raw, answer.At)
}

// scripts reads the list, each script, and the list again, which says whether it changed meanwhile.
func (s *sieveReading) scripts() error {
	answer, listed, err := s.conn.List()
	if err != nil {
		return &sieveError{"listing the scripts", err}
	}
	if !answer.OK() {
		return &sieveError{"listing the scripts", &managesieve.NoError{Status: answer.Status}}
	}
	if err := s.r.keep("sieve-list", "before", s.name("list-before.txt"), "application/managesieve", "LISTSCRIPTS", answer.Raw, answer.At); err != nil {
		return err
	}
	scripts := s.sort(listed)
	if err := s.expect(scripts, len(listed)); err != nil {
		return err
	}
	for i := range scripts {
		if i == maxScripts {
			return s.r.gap("sieve", "", evidence.GapInvalid, "LISTSCRIPTS",
				fmt.Sprintf("the server lists %d scripts, of which %d are read", len(scripts), maxScripts))
		}
		if err := s.script(&scripts[i]); err != nil {
			return err
		}
		if s.r.ctx.Err() != nil {
			return context.Cause(s.r.ctx)
		}
	}
	if s.gaps > 0 || s.conn == nil {
		return nil
	}
	return s.listAgain(scripts)
}

// listAgain keeps the list as it is after all scripts are read. A script that is new in it is a gap.
func (s *sieveReading) listAgain(before []script) error {
	answer, listed, err := s.conn.List()
	if err != nil || !answer.OK() {
		if err == nil {
			err = &managesieve.NoError{Status: answer.Status}
		}
		failed := &sieveError{"listing the scripts again", err}
		return s.gap("sieve-list", "after", failed.class(), "LISTSCRIPTS", failed)
	}
	for _, l := range s.sort(listed) {
		if slices.ContainsFunc(before, func(b script) bool { return b.name == l.name }) {
			continue
		}
		if err := s.gap("sieve", l.label, evidence.GapUnaccounted, "LISTSCRIPTS", errors.New("it came while the scripts were read")); err != nil {
			return err
		}
	}
	s.conn.Logout()
	if s.gaps > 0 {
		return nil
	}
	return s.r.keep("sieve-list", "after", s.name("list-after.txt"), "application/managesieve", "LISTSCRIPTS", answer.Raw, answer.At)
}

// sort puts together the lines of LISTSCRIPTS that have the same name, and gives each name its item and its file, which
// depend on the list and not on the order in it.
func (s *sieveReading) sort(listed []managesieve.Listed) []script {
	var scripts []script
	index := map[string]int{}
	files := map[string]int{}
	for _, l := range listed {
		if i, ok := index[l.Name]; ok {
			scripts[i].again++
			scripts[i].active = scripts[i].active || l.Active
			continue
		}
		index[l.Name] = len(scripts)
		sc := script{name: l.Name, label: scriptLabel(l.Name), file: evidence.SafeName(l.Name), active: l.Active}
		files[pathKey(sc.file)]++
		scripts = append(scripts, sc)
	}
	for i := range scripts {
		if sc := &scripts[i]; files[pathKey(sc.file)] > 1 {
			sc.file += "~" + digestOf(sc.name)
		}
	}
	return scripts
}

// scriptLabel returns the name in a form that shows, another one for each name, and never empty.
func scriptLabel(name string) string {
	label := visible.Text(name)
	switch {
	case name == "":
		return `\empty` // which Text writes for no name
	case len(label) > 500:
		return visible.Cut(name, 100) + `\` + digestOf(name)
	}
	return label
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

func (s *sieveReading) expect(scripts []script, lines int) error {
	active := 0
	for i := range scripts {
		if scripts[i].active {
			active++
		}
	}
	note := fmt.Sprintf("%d scripts, %d active; %s%s", len(scripts), active, notListed, s.filters())
	return s.r.sink.Expect(evidence.Expectation{
		Account: s.r.scope.Account, Collector: s.r.c.Name(), Resource: "sieve", Count: int64(lines), Note: note,
	})
}

// script reads one script, over another connection if this one is lost on the way, once.
func (s *sieveReading) script(sc *script) error {
	for n := range sc.again {
		item := fmt.Sprintf(`%s\%d`, sc.label, n+2) // which is no script's label
		err := s.gap("sieve", item, evidence.GapInvalid, "LISTSCRIPTS", errors.New("the server lists this name more than once, and GETSCRIPT gives one script for a name"))
		if err != nil {
			return err
		}
	}
	if s.r.sink.Has(s.r.scope.Account, "sieve", sc.label) {
		return nil
	}
	if len(sc.name) > maxScriptName {
		return s.gap("sieve", sc.label, evidence.GapInvalid, "LISTSCRIPTS", fmt.Errorf("its name has %d bytes", len(sc.name)))
	}
	request := managesieve.GetCommand(sc.name).Shown()
	var failed *sieveError
	for range 2 {
		if err := s.ensureConnected(); err != nil {
			if !errors.As(err, &failed) {
				return err
			}
			return s.gap("sieve", sc.label, failed.class(), request, failed)
		}
		got, err := s.conn.Get(sc.name)
		if err == nil && got.Answer.OK() {
			s.fruitless = 0
			return s.put(sc, got, request)
		}
		if err == nil {
			err = &managesieve.NoError{Status: got.Answer.Status}
		}
		failed = &sieveError{"reading it", err}
		if no := (*managesieve.NoError)(nil); errors.As(err, &no) && no.Status.Code != "TRYLATER" {
			break
		}
		s.close()
		if failed.class() == evidence.GapInvalid {
			break // it would be the same again
		}
	}
	return s.gap("sieve", sc.label, failed.class(), request, failed)
}

// wait waits before the next connection: Backoff after one that brought something, then twice as long each time.
func (s *sieveReading) wait() error {
	timer := time.NewTimer(min(s.r.c.cfg.Backoff<<min(s.fruitless-1, 16), maxBackoff))
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-timer.C:
		return nil
	}
}

// ensureConnected connects again after a lost connection, or TRYLATER, waiting longer each time that one brought
// nothing. Where that fails it is not tried again.
func (s *sieveReading) ensureConnected() error {
	for s.conn == nil && s.dead == nil {
		s.fruitless++
		if s.fruitless > s.r.c.cfg.Retries {
			s.dead = &sieveError{"connecting again to " + s.place.addr, fmt.Errorf("%d connections brought nothing", s.fruitless-1)}
			break
		}
		if err := s.wait(); err != nil {
			s.dead = &sieveError{"connecting again to " + s.place.addr, err}
			break
		}
		var failed *sieveError
		err := s.connect()
		switch {
		case errors.As(err, &failed) && failed.final():
			s.dead = failed
		case err != nil && failed == nil:
			return err
		}
	}
	return s.dead
}

func (s *sieveReading) put(sc *script, got *managesieve.Script, request string) error {
	attrs := map[string]string{"active": strconv.FormatBool(sc.active), "form": got.Form}
	if utf8.ValidString(sc.name) {
		attrs["script"] = sc.name
	} else {
		attrs["script_base64"] = base64.StdEncoding.EncodeToString([]byte(sc.name))
	}
	_, err := s.r.sink.Put(evidence.Exhibit{
		Account: s.r.scope.Account, Collector: s.r.c.Name(), Resource: "sieve", Item: sc.label, Name: s.name("scripts/" + sc.file + ".sieve"),
		MediaType: "application/sieve", FetchedAt: got.Answer.At.UTC(), Request: request, Response: got.Around, Attrs: attrs,
	}, bytes.NewReader(got.Body))
	if errors.Is(err, evidence.ErrTaken) {
		return s.gap("sieve", sc.label, evidence.GapInvalid, request, err)
	}
	if err != nil {
		return fmt.Errorf("%s: imap: keeping a Sieve script: %w", visible.Text(s.r.scope.Account), err)
	}
	return nil
}

// gap writes down that something was not read, unless the whole is given up.
func (s *sieveReading) gap(resource, item string, class evidence.GapClass, request string, why error) error {
	if s.r.ctx.Err() != nil {
		return context.Cause(s.r.ctx)
	}
	s.gaps++
	return s.r.sink.Gap(evidence.Gap{
		Account: s.r.scope.Account, Collector: s.r.c.Name(), Resource: resource, Item: item, Class: class, Request: request,
		Reason: s.reason(why), At: time.Now().UTC(),
	})
}
