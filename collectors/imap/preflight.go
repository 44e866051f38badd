package imap

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A Verdict says what came of one check of Preflight.
type Verdict string

// The verdicts. What was not asked, or not answered, is unknown and never "not offered".
const (
	OK         Verdict = "ok"
	NotOffered Verdict = "not-offered"
	Refused    Verdict = "refused"
	Unknown    Verdict = "unknown"
)

// A Check is one thing that Preflight looked at.
type Check struct {
	Name    string  `json:"name"` // "certificate", "login", "QRESYNC"; never changes between releases
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`  // what was seen; what the server said is cut and safe to show
	Meaning string  `json:"meaning,omitempty"` // what evidence depends on it, in plain words
}

// A PreflightReport is what a server offers and refuses, before anything is collected.
type PreflightReport struct {
	V        int       `json:"v"`
	At       time.Time `json:"at"`
	Server   string    `json:"server"` // host:port
	Account  string    `json:"account"`
	Software string    `json:"software"` // as the server names itself, safe to show; empty where it does not
	Kind     string    `json:"kind"`     // "dovecot", "cyrus", "courier", "exchange", "zimbra", "gmail" or "other"
	Usable   bool      `json:"usable"`   // a collection can work
	Checks   []Check   `json:"checks"`

	Folders  int   `json:"folders"`  // that can hold messages
	Messages int64 `json:"messages"` // in all of them; 0 where the server did not tell
	Bytes    int64 `json:"bytes"`    // of all messages; 0 where it is not known
	// BytesEstimated says that Bytes is the number of messages times the mean size of some.
	BytesEstimated bool `json:"bytes_estimated,omitempty"`

	Hints []Hint `json:"hints"` // what the server's administrator can switch on
}

// Check returns the check of that name, or one that is unknown.
func (p *PreflightReport) Check(name string) Check {
	if i := slices.IndexFunc(p.Checks, func(c Check) bool { return c.Name == name }); i >= 0 {
		return p.Checks[i]
	}
	return Check{Name: name, Verdict: Unknown}
}

// PreflightOptions bound a Preflight.
type PreflightOptions struct {
	Patience time.Duration // with the server, for all questions together; 1 minute if 0
}

// ErrTooSlow says that a server goes on and on: Preflight has waited for as long as it was told to.
var ErrTooSlow = errors.New("the server takes too long to answer")

const (
	sampled   = 200 // messages whose sizes stand for all
	shownText = 200 // characters of what a server says
)

// Preflight says what the server offers for an account and what it refuses. It asks with the commands that Collect
// uses, opens folders with EXAMINE, and keeps and changes nothing; the server writes the login into its logs. The
// report is never nil and holds what was found until an error, which says why a collection cannot work.
func (c *Collector) Preflight(ctx context.Context, account string, opts PreflightOptions) (*PreflightReport, error) {
	if opts.Patience <= 0 {
		opts.Patience = time.Minute
	}
	one := *c // with a shorter patience, and without a second connection where the first one breaks
	one.cfg.Timeout = min(c.cfg.Timeout, opts.Patience)
	one.cfg.Retries = -1
	bounded, cancel := context.WithTimeoutCause(ctx, opts.Patience, ErrTooSlow)
	defer cancel()
	p := &preflight{
		c: &one, account: account, kept: &gapsOnly{},
		report: &PreflightReport{V: 1, At: time.Now().UTC(), Server: c.addr, Account: account, Kind: "other", Checks: []Check{}, Hints: []Hint{}},
	}
	err := p.all(bounded)
	if p.report.Check("connection").Verdict == OK {
		p.addSieve(bounded)
	}
	p.report.Usable = err == nil
	p.report.Hints = append(p.report.Hints, hints(p.report)...)
	if err != nil && ctx.Err() != nil {
		return p.report, context.Cause(ctx)
	}
	return p.report, p.explain(err, opts.Patience)
}

// explain makes of an error of the connection one that says what was being done, for whom.
func (p *preflight) explain(err error, patience time.Duration) error {
	var already *Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooSlow), errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{
			Account: p.account, Doing: "waiting for " + p.c.addr, Kinds: []error{ErrTooSlow},
			Err: fmt.Errorf("%w: not all that is needed came within %v", ErrTooSlow, patience),
		}
	case errors.As(err, &already):
		return err
	}
	return &Error{Account: p.account, Doing: "reading from " + p.c.addr, Kinds: []error{ErrLost}, Err: err}
}

// A preflight is one run of Preflight.
type preflight struct {
	c       *Collector
	account string
	report  *PreflightReport
	caps    caps // after the login
	run     *run // writes to kept; its link is nil once the connection is lost
	kept    *gapsOnly
}

// show makes what a server said safe to show: cut, and without the secret that it was just told.
func (p *preflight) show(text string) string {
	t := []rune(visible.Line(hide(text, p.c.credentials(p.account))))
	if len(t) <= shownText {
		return string(t)
	}
	return string(t[:shownText-1]) + "…"
}

func (p *preflight) add(name string, v Verdict, detail, meaning string) {
	p.report.Checks = append(p.report.Checks, Check{Name: name, Verdict: v, Detail: detail, Meaning: meaning})
}

// all asks one thing after the other. An error means that a collection cannot work.
func (p *preflight) all(ctx context.Context) error {
	l, err := p.c.open(ctx, p.account)
	if err != nil {
		p.addUnreachable(err)
		return err
	}
	defer l.close()
	p.add("connection", OK, p.show(greetingText(l)), "")
	err = p.c.secureAndLogIn(ctx, p.account, l)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	p.addEncryption(l, err)
	p.addMechanisms(l)
	p.addLogin(l, err)
	p.identify(l.greeting.Status().Text, "", "", l.caps)
	if err != nil {
		return err
	}
	p.caps = l.caps
	p.run = &run{
		c: p.c, ctx: ctx, sink: p.kept, link: l, scope: collectors.Scope{Account: p.account, Messages: collectors.MessagesNone},
		shared: &ledger{expected: map[string]map[string]bool{}, paths: map[string]bool{}}, status: map[string]folderStatus{},
	}
	return p.questions()
}

// greetingText is the greeting without the capabilities that some servers put into it; they have lines of their own.
func greetingText(l *link) string {
	status := l.greeting.Status()
	if status.CodeName() == "CAPABILITY" {
		status.Code = ""
	}
	return visible.Text(status.String())
}

func (p *preflight) questions() error {
	if err := p.askID(); err != nil {
		return err
	}
	folders, err := p.askFolders()
	if err != nil {
		return err
	}
	if err := p.openOne(folders); err != nil {
		return err
	}
	// A collection can work. What remains is worth knowing, and where the server gives up it is unknown.
	if err := p.askExtensions(); err != nil && !isLost(err) && !errors.Is(err, ErrTooSlow) {
		return err
	}
	return nil
}

func (p *preflight) addUnreachable(err error) {
	switch {
	case errors.Is(err, ErrTLSName), errors.Is(err, ErrTLSUntrusted), errors.Is(err, ErrTLS):
		p.add("connection", OK, "something answers", "")
		p.addEncryption(&link{}, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		p.add("connection", Refused, p.show(cause(err)), "")
	default:
		p.add("connection", Unknown, p.show(cause(err)), "")
	}
}

// cause returns what is below our own words for what was being done.
func cause(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// addEncryption says what protects the session, and whose certificate it is. A certificate that is refused is shown too:
// it may be all there is to see of someone in between.
func (p *preflight) addEncryption(l *link, err error) {
	var refused *tls.CertificateVerificationError
	switch {
	case l.tls != nil:
		how := "STARTTLS"
		if p.c.tls {
			how = "from the first byte"
		}
		p.add("encryption", OK, fmt.Sprintf("%s, %s, %s", tls.VersionName(l.tls.Version), tls.CipherSuiteName(l.tls.CipherSuite), how), "")
		by := "one of this system's authorities"
		if p.c.roots != nil {
			by = "the authorities given"
		}
		if len(l.tls.PeerCertificates) > 0 {
			p.add("certificate", OK, p.certificate(l.tls.PeerCertificates[0])+"; trusted by "+by, "")
		}
	case errors.As(err, &refused) && len(refused.UnverifiedCertificates) > 0:
		p.add("encryption", Refused, "not used: the certificate was refused, and nothing secret was sent", "")
		p.add("certificate", Refused, p.certificate(refused.UnverifiedCertificates[0])+"; "+p.show(visible.Text(refused.Err.Error())), "")
	case errors.Is(err, ErrTLS), errors.Is(err, ErrTLSName), errors.Is(err, ErrTLSUntrusted):
		p.add("encryption", Refused, p.show(cause(err)), "")
	case l.beforeLogin == nil:
		p.add("encryption", Unknown, "the server did not say what it offers", "")
	default:
		p.add("encryption", NotOffered, "the session is in clear text", "whoever is on the way reads along, and can change what is collected")
	}
}

func (p *preflight) certificate(cert *x509.Certificate) string {
	days := int(cert.NotAfter.Sub(p.report.At).Hours() / 24)
	when := fmt.Sprintf("until %s (%d days)", cert.NotAfter.UTC().Format(time.DateOnly), days)
	switch {
	case p.report.At.After(cert.NotAfter):
		when = "expired on " + cert.NotAfter.UTC().Format(time.DateOnly)
	case p.report.At.Before(cert.NotBefore):
		when = "not valid before " + cert.NotBefore.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("for %s, by %s, %s", visible.Cut(certNames(cert), 80), visible.Cut(cert.Issuer.String(), 80), when)
}

func certNames(cert *x509.Certificate) string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return cert.Subject.String()
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// addMechanisms lists the ways to log in, as offered on this connection before the login.
func (p *preflight) addMechanisms(l *link) {
	if l.beforeLogin == nil {
		p.add("mechanisms", Unknown, "", "")
		return
	}
	before := capsOf(l.beforeLogin)
	var ways []string
	for name := range before {
		if way, ok := strings.CutPrefix(name, "AUTH="); ok {
			ways = append(ways, way)
		}
	}
	slices.Sort(ways)
	if !before.has("LOGINDISABLED") {
		ways = append(ways, "the command LOGIN")
	}
	if len(ways) == 0 && l.tls == nil && before.has("STARTTLS") {
		p.add("mechanisms", Unknown, "none before encryption", "")
		return
	}
	if len(ways) == 0 {
		p.add("mechanisms", NotOffered, "no way to log in is offered on this connection", "")
		return
	}
	p.add("mechanisms", OK, p.show(visible.Text(strings.Join(ways, ", "))), "")
}

func (p *preflight) addLogin(l *link, err error) {
	switch {
	case err == nil && l.preauth:
		p.add("login", OK, "the server wants none (PREAUTH)", "")
	case err == nil:
		p.add("login", OK, "accepted", "")
	case errors.Is(err, ErrNoMechanism), errors.Is(err, ErrAuthPrivacy), errors.Is(err, ErrAuth):
		p.add("login", Refused, p.show(cause(err)), "")
	case errors.Is(err, ErrAuthUnavailable):
		p.add("login", Unknown, p.show(cause(err)), "")
	case l.tls == nil:
		p.add("login", Unknown, "not tried: "+p.show(cause(err)), "")
	default:
		p.add("login", Unknown, p.show(cause(err)), "")
	}
}

// askID asks for the server's own name and version (RFC 2971).
func (p *preflight) askID() error {
	if !p.caps.has("ID") {
		p.add("ID", NotOffered, "", "the server's own name and version")
		return nil
	}
	answer, err := p.run.do(p.c.idCommand())
	if err != nil {
		return err
	}
	if !answer.OK() {
		p.add("ID", Refused, p.says(answer), "the server's own name and version")
		return nil
	}
	id := parseID(answer)
	p.identify(p.run.link.greeting.Status().Text, id["NAME"], id["VERSION"], p.caps)
	p.add("ID", OK, p.report.Software, "the server's own name and version")
	return nil
}

func (p *preflight) says(answer *imapwire.Answer) string {
	return p.show(visible.Text(answer.Status.String()))
}

// parseID reads the pairs of an ID response, keys in upper case.
func parseID(answer *imapwire.Answer) map[string]string {
	id := map[string]string{}
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		if resp.Name != "ID" {
			continue
		}
		list, ok := resp.Scan().Next()
		if !ok || list.Kind != imapwire.List {
			continue
		}
		for s := list.Scan(); ; {
			key, ok1 := s.Next()
			value, ok2 := s.Next()
			if !ok1 || !ok2 {
				break
			}
			id[strings.ToUpper(string(key.Text()))] = string(value.Text())
		}
	}
	return id
}

// identify guesses which software it is, from what it says and what only one of them offers.
func (p *preflight) identify(greeting, name, version string, offered caps) {
	said := strings.ToLower(greeting + " " + name)
	for _, known := range []struct {
		kind, title string
		is          bool
	}{
		{"gmail", "Gmail", offered.has("X-GM-EXT-1") || strings.Contains(said, "gimap")},
		{"exchange", "Microsoft Exchange", strings.Contains(said, "microsoft exchange")},
		{"zimbra", "Zimbra", strings.Contains(said, "zimbra")},
		{"cyrus", "Cyrus IMAP", strings.Contains(said, "cyrus")},
		{"courier", "Courier-IMAP", strings.Contains(said, "courier-imap")},
		{"dovecot", "Dovecot", strings.Contains(said, "dovecot")},
	} {
		if known.is {
			p.report.Kind, p.report.Software = known.kind, known.title
			break
		}
	}
	if name != "" {
		p.report.Software = visible.Cut(hide(strings.TrimSpace(name+" "+version), p.c.credentials(p.account)), 60)
	}
}

// askFolders lists the folders and adds up what is in them.
func (p *preflight) askFolders() ([]*folder, error) {
	answer, err := p.run.list()
	if err != nil {
		verdict := Unknown
		if !isLost(err) && !errors.Is(err, ErrTooSlow) {
			verdict = Refused
		}
		p.add("folders", verdict, p.show(cause(err)), "")
		return nil, err
	}
	all := parseList(answer)
	p.run.readStatus(answer)
	folders, err := p.run.choose(all)
	if err != nil {
		return nil, err
	}
	p.report.Folders = len(folders)
	if len(folders) == 0 {
		p.add("folders", NotOffered, fmt.Sprintf("the server lists %d folders, none of which holds messages", len(all)), "")
		return nil, &Error{Account: p.account, Doing: "listing the folders on " + p.c.addr, Kinds: []error{ErrNoFolder}, Err: errors.New("the server lists no folder that holds messages")}
	}
	p.add("folders", OK, fmt.Sprintf("%d that can hold messages", len(folders)), "")
	p.addListStatus()
	p.addSpecialUse(folders)
	return folders, p.countMessages(folders)
}

// addListStatus says whether the extended LIST, which asks for the counters too, was answered.
func (p *preflight) addListStatus() {
	const meaning = "the counters of all folders at one moment, in one answer"
	switch refusal := p.kept.refusal("list", "extended"); {
	case !p.caps.has("LIST-STATUS") && !p.caps.has("IMAP4REV2"):
		p.add("LIST-STATUS", NotOffered, "", meaning)
	case refusal != "":
		p.add("LIST-STATUS", Refused, "announced, but: "+p.show(refusal), meaning)
	default:
		p.add("LIST-STATUS", OK, "", meaning)
	}
}

func (p *preflight) addSpecialUse(folders []*folder) {
	const meaning = "which folder is Sent, Trash or Junk, whatever its name"
	uses := []string{`\All`, `\Archive`, `\Drafts`, `\Flagged`, `\Junk`, `\Sent`, `\Trash`}
	var seen []string
	for _, use := range uses {
		if slices.ContainsFunc(folders, func(f *folder) bool { return f.has(use) }) {
			seen = append(seen, use[1:])
		}
	}
	offered := p.caps.has("SPECIAL-USE") || p.caps.has("IMAP4REV2")
	switch {
	case len(seen) > 0:
		p.add("SPECIAL-USE", OK, strings.Join(seen, ", "), meaning)
	case offered:
		p.add("SPECIAL-USE", OK, "offered; no folder of this account is marked", meaning)
	default:
		p.add("SPECIAL-USE", NotOffered, "", meaning)
	}
}

// countMessages adds up what STATUS says of each folder. Servers may count for a long time; that is no reason not to
// collect.
func (p *preflight) countMessages(folders []*folder) error {
	if err := p.run.statusOfEach(folders); err != nil {
		if !isLost(err) && !errors.Is(err, ErrTooSlow) {
			return err
		}
		p.add("messages", Unknown, p.show(cause(err)), "")
		return err
	}
	counted := 0
	for _, f := range folders {
		if st, ok := p.run.status[f.raw]; ok {
			counted++
			p.report.Messages = sum(p.report.Messages, st.messages)
			p.report.Bytes = sum(p.report.Bytes, st.size)
		}
	}
	detail := fmt.Sprintf("%d in all folders", p.report.Messages)
	if counted < len(folders) {
		detail = fmt.Sprintf("%d in the %d of %d folders that the server counted", p.report.Messages, counted, len(folders))
	}
	verdict := OK
	if counted == 0 {
		verdict, detail = Unknown, "the server counted none of the folders"
	}
	p.add("messages", verdict, detail, "")
	return nil
}

// sum adds what a server claims, which may be any number, and stops where numbers end.
func sum(a, b int64) int64 {
	if b = max(b, 0); a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// openOne opens the fullest folder, and else INBOX, with EXAMINE, as a collection does.
func (p *preflight) openOne(folders []*folder) error {
	f := p.fullest(folders)
	cmd := imapwire.NewCommand("EXAMINE").String(f.raw)
	answer, err := p.run.do(cmd)
	if err != nil {
		p.add("EXAMINE", Unknown, p.show(cause(err)), "")
		return err
	}
	if !answer.OK() {
		p.add("EXAMINE", Refused, visible.Cut(f.label, 40)+": "+p.says(answer), "")
		return &Error{Account: p.account, Doing: "opening " + visible.Cut(f.label, 40) + " on " + p.c.addr, Kinds: []error{ErrNoFolder}, Err: serverSays{answer.Status}}
	}
	sel, codes := parseSelection(answer), selectionCodes(answer)
	detail := visible.Cut(f.label, 40) + " opens for reading only"
	if answer.Status.CodeName() != "READ-ONLY" {
		detail = visible.Cut(f.label, 40) + " opens; the server does not say that it is for reading only"
	}
	p.add("EXAMINE", OK, detail, "")
	p.addModSeq(codes)
	p.addObjectID(codes)
	return p.estimate(sel)
}

func (p *preflight) fullest(folders []*folder) *folder {
	best := folders[0]
	for _, f := range folders {
		n, most := p.run.status[f.raw].messages, p.run.status[best.raw].messages
		if n > most || n == most && strings.EqualFold(f.raw, "INBOX") {
			best = f
		}
	}
	return best
}

func selectionCodes(answer *imapwire.Answer) map[string]bool {
	codes := map[string]bool{}
	for i := range answer.Untagged {
		codes[answer.Untagged[i].Status().CodeName()] = true
	}
	return codes
}

func (p *preflight) addModSeq(codes map[string]bool) {
	offered := p.caps
	for _, x := range []struct {
		name, meaning string
		offered       bool
	}{
		{"CONDSTORE", "in what order flags were changed, and what changed since", offered.has("CONDSTORE") || offered.has("QRESYNC")},
		{"QRESYNC", "what has disappeared since an earlier collection", offered.has("QRESYNC")},
	} {
		switch {
		case !x.offered:
			p.add(x.name, NotOffered, "", x.meaning)
		case codes["NOMODSEQ"]:
			p.add(x.name, Refused, "offered, but this folder keeps no mod-sequences (NOMODSEQ)", x.meaning)
		default:
			p.add(x.name, OK, "", x.meaning)
		}
	}
}

func (p *preflight) addObjectID(codes map[string]bool) {
	const meaning = "identifiers that outlast a move: copies of one message are known"
	switch {
	case codes["MAILBOXID"]:
		p.add("OBJECTID", OK, "", meaning)
	case p.caps.has("OBJECTID"):
		p.add("OBJECTID", Refused, "offered, but EXAMINE named no MAILBOXID", meaning)
	default:
		p.add("OBJECTID", NotOffered, "", meaning)
	}
}

// estimate makes of the sizes of some messages of the open folder what all messages may come to, where STATUS could not
// tell sizes.
func (p *preflight) estimate(sel selection) error {
	if p.caps.has("STATUS=SIZE") || p.caps.has("IMAP4REV2") {
		p.add("size", OK, fmt.Sprintf("%d bytes, all messages together", p.report.Bytes), "")
		return nil
	}
	if p.report.Messages == 0 || sel.exists <= 0 {
		p.add("size", Unknown, "no message to measure", "")
		return nil
	}
	set := fmt.Sprintf("%d:%d", max(sel.exists-sampled+1, 1), sel.exists)
	answer, err := p.run.do(imapwire.NewCommand("FETCH").Atom(set).Atom("(RFC822.SIZE)"))
	if err != nil {
		p.add("size", Unknown, p.show(cause(err)), "")
		return nil
	}
	var n, measured int64
	for i := range answer.Untagged {
		for name, value := range answer.Untagged[i].Items() {
			if size, ok := value.Number(); ok && strings.EqualFold(string(name), "RFC822.SIZE") {
				n, measured = n+1, measured+int64(size)
			}
		}
	}
	if n == 0 {
		p.add("size", Unknown, "the server tells no sizes", "")
		return nil
	}
	// Messages and their sizes have 32 bits each, but the sum of several folders' messages has more.
	p.report.Bytes, p.report.BytesEstimated = measured/n*min(p.report.Messages, math.MaxInt64/max(measured/n, 1)), true
	p.add("size", OK, fmt.Sprintf("about %d bytes, from the mean of %d messages", p.report.Bytes, n), "")
	return nil
}

// askExtensions tries one reading command of each extension, since some servers announce what they then refuse.
func (p *preflight) askExtensions() error {
	offered := p.caps
	rev2 := offered.has("IMAP4REV2")
	for _, x := range []struct {
		name, meaning string
		offered       bool
		try           *imapwire.Command // nil where the announcement is all there is to know
	}{
		{"NAMESPACE", "where shared folders and those of others are", offered.has("NAMESPACE") || rev2, imapwire.NewCommand("NAMESPACE")},
		{"SAVEDATE", "when a message was put into its folder", offered.has("SAVEDATE"), nil},
		{"ACL", "who else was given rights on a folder", offered.has("ACL"), imapwire.NewCommand("MYRIGHTS").String("INBOX")},
		{"METADATA", "annotations that programs left on folders", offered.has("METADATA"),
			imapwire.NewCommand("GETMETADATA").String("INBOX").Atom("(/private/comment)")},
		{"QUOTA", "how full the mailbox is, by the server's count", offered.has("QUOTA"), imapwire.NewCommand("GETQUOTAROOT").String("INBOX")},
		{"COMPRESS", "a slow link carries more", offered.has("COMPRESS=DEFLATE"), nil},
		{"FILTER=SIEVE", "a Sieve filter can be run on a folder by IMAP", offered.has("FILTER=SIEVE"), nil},
		{"X-GM-EXT-1", "Gmail's labels, message and thread numbers", offered.has("X-GM-EXT-1"), nil},
	} {
		if !x.offered {
			p.add(x.name, NotOffered, "", x.meaning)
			continue
		}
		if x.try == nil {
			p.add(x.name, OK, "", x.meaning)
			continue
		}
		if p.run.link == nil {
			p.add(x.name, Unknown, "announced; the connection was lost before it could be tried", x.meaning)
			continue
		}
		answer, err := p.run.do(x.try)
		switch {
		case err != nil && (isLost(err) || errors.Is(err, ErrTooSlow)):
			p.add(x.name, Unknown, "announced; "+p.show(cause(err)), x.meaning)
			p.run.link = nil
		case err != nil:
			return err
		case !answer.OK():
			p.add(x.name, Refused, "announced, but: "+p.says(answer), x.meaning)
		default:
			p.add(x.name, OK, "", x.meaning)
		}
	}
	return nil
}

// addSieve looks whether ManageSieve answers (RFC 5804) and reads its greeting. It does not log in.
func (p *preflight) addSieve(ctx context.Context) {
	const meaning = "filters and forwarding that run on the server"
	if p.c.sieve.none {
		p.add("MANAGESIEVE", Unknown, "not asked (--sieve none)", meaning)
		return
	}
	addr := p.c.sieve.addr
	nc, err := p.c.cfg.Dial(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		p.add("MANAGESIEVE", NotOffered, "nothing listens at "+addr, meaning)
		return
	case err != nil:
		p.add("MANAGESIEVE", Unknown, "not reached at "+addr+": "+p.show(err.Error()), meaning)
		return
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	if p.c.sieve.tls {
		nc = tls.Client(nc, p.c.tlsConfigFor(p.c.sieve.serverName, "managesieve"))
	}
	said, err := sieveGreeting(nc, min(p.c.cfg.Timeout, 10*time.Second))
	if err != nil {
		p.add("MANAGESIEVE", Unknown, addr+" answers, but not as ManageSieve: "+p.show(err.Error()), meaning)
		return
	}
	p.add("MANAGESIEVE", OK, addr+", "+p.show(visible.Cut(said, 80)), meaning)
}

// sieveGreeting reads the capabilities that a ManageSieve server begins with, and returns the name of the software.
func sieveGreeting(nc net.Conn, timeout time.Duration) (string, error) {
	answer, err := managesieve.New(nc, managesieve.Limits{Line: 16 << 10, Literal: 16 << 10, Answer: 16 << 10}, timeout).Greeting()
	if err != nil {
		return "", err
	}
	offered := managesieve.ReadCapability(answer)
	if !offered.Has("SIEVE") {
		return "", errors.New("it names no Sieve extensions")
	}
	return cmp.Or(offered["IMPLEMENTATION"], "a server without a name"), nil
}

// gapsOnly is a sink that keeps no exhibit: a preflight asks with the collector's own questions and makes no bundle.
type gapsOnly struct{ gaps []evidence.Gap }

func (s *gapsOnly) Put(_ evidence.Exhibit, body io.Reader) (evidence.Digest, error) {
	_, err := io.Copy(io.Discard, body)
	return evidence.Digest{}, err
}

func (s *gapsOnly) Gap(g evidence.Gap) error {
	s.gaps = append(s.gaps, g)
	return nil
}

func (s *gapsOnly) Expect(evidence.Expectation) error { return nil }
func (s *gapsOnly) Has(_, _, _ string) bool           { return false }

// refusal returns why something was refused, "" if it was not.
func (s *gapsOnly) refusal(resource, item string) string {
	for _, g := range s.gaps {
		if g.Resource == resource && g.Item == item {
			return g.Reason
		}
	}
	return ""
}
