package imap

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A folder is one mailbox of the account.
type folder struct {
	raw       string   // as the server writes it; this is what the server is asked with
	delimiter string   // of the hierarchy; empty where there is none
	attrs     []string // "\HasChildren", "\Sent"
	name      string   // in UTF-8
	label     string   // name, made visible, in resources and items
	dir       string   // name as a directory, one element per level
	alike     bool     // an earlier folder's directory is the same on some file systems

	// The state of reading it, which outlives a connection.
	reading reading
}

func (f *folder) resource() string { return "messages/" + f.label }

func (f *folder) has(attr string) bool {
	return slices.ContainsFunc(f.attrs, func(a string) bool { return strings.EqualFold(a, attr) })
}

// selectable says whether the folder can hold messages.
func (f *folder) selectable() bool { return !f.has(`\Noselect`) && !f.has(`\NonExistent`) }

// A folderStatus is what STATUS said, for the progress bar.
type folderStatus struct{ messages, size int64 }

// folders asks for the list of folders, keeps the answers, and returns those in scope.
func (r *run) folders() ([]*folder, error) {
	r.step("folders")
	answer, err := r.list()
	if err != nil {
		return nil, err
	}
	all := parseList(answer)
	r.listed = all
	r.readStatus(answer)
	chosen, err := r.choose(all)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		err := r.gap("messages", "", evidence.GapUnaccounted, `LIST "" "*"`, "the server lists no folder at all")
		if err != nil {
			return nil, err
		}
	}
	if err := r.statusOfEach(chosen); err != nil {
		return nil, err
	}
	r.announce(chosen)
	return chosen, r.expectFolders(chosen)
}

// list asks LIST with all that the server can add to it (RFC 5258, 5819, 6154), and the plain form where it cannot or
// will not.
func (r *run) list() (*imapwire.Answer, error) {
	caps := r.link.caps
	plain := imapwire.NewCommand("LIST").String("").String("*")
	cmd := plain
	extended := caps.has("LIST-EXTENDED") || caps.has("IMAP4REV2")
	if extended {
		cmd = imapwire.NewCommand("LIST").String("").String("*").Atom("RETURN").Atom("(" + listReturn(caps) + ")")
	}
	if err := r.expect("list", ""); err != nil {
		return nil, err
	}
	answer, err := r.do(cmd)
	if err != nil {
		return nil, err
	}
	if extended && !answer.OK() {
		if err := r.expect("list", "extended"); err != nil {
			return nil, err
		}
		err := r.gap("list", "extended", evidence.GapRefused, cmd.Shown(), serverSays{answer.Status}.Error())
		if err != nil {
			return nil, err
		}
		cmd, extended = plain, false
		if answer, err = r.do(cmd); err != nil {
			return nil, err
		}
	}
	r.heard("list", "", answer)
	if err := r.keepAnswer("list", "", "list.txt", cmd, answer); err != nil {
		return nil, err
	}
	if !answer.OK() {
		return nil, &Error{Account: r.scope.Account, Doing: "listing the folders on " + r.c.addr, Err: serverSays{answer.Status}}
	}
	if extended {
		r.subscriptions = true
		// The answer above says which folders are subscribed to, but of folders that are there only. One that was
		// deleted since is shown by this form alone, as \NonExistent (RFC 5258 section 3.1).
		return answer, r.ask("lsub", true, "lsub.txt", imapwire.NewCommand("LIST").Atom("(SUBSCRIBED)").String("").String("*"))
	}
	return answer, r.lsub()
}

// lsub asks what is subscribed where LIST does not say it.
func (r *run) lsub() error {
	cmd := imapwire.NewCommand("LSUB").String("").String("*")
	answer, err := r.do(cmd)
	if err != nil {
		return err
	}
	r.readSubscriptions(answer)
	if answer.OK() {
		r.heard("lsub", "", answer)
	}
	return r.keepAnswer("lsub", "", "lsub.txt", cmd, answer)
}

func listReturn(caps caps) string {
	options := []string{"SUBSCRIBED", "CHILDREN"}
	if caps.has("SPECIAL-USE") || caps.has("IMAP4REV2") {
		options = append(options, "SPECIAL-USE")
	}
	if caps.has("LIST-STATUS") || caps.has("IMAP4REV2") {
		options = append(options, "STATUS ("+statusItems(caps)+")")
	}
	return strings.Join(options, " ")
}

// statusItems are the items of STATUS that the server knows. RECENT is not part of IMAP4rev2.
func statusItems(caps caps) string {
	items := "MESSAGES UIDNEXT UIDVALIDITY UNSEEN"
	if caps.has("IMAP4REV1") {
		items += " RECENT"
	}
	if caps.has("CONDSTORE") || caps.has("QRESYNC") {
		items += " HIGHESTMODSEQ"
	}
	if caps.has("STATUS=SIZE") || caps.has("IMAP4REV2") {
		items += " SIZE"
	}
	return items
}

// parseList reads the untagged LIST responses, each folder once, in the order of their raw names: what depends on the
// order (the names of directories) is the same in a later run.
func parseList(answer *imapwire.Answer) []*folder {
	seen := map[string]*folder{}
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		if resp.Name != "LIST" {
			continue
		}
		s := resp.Scan()
		attrs, ok1 := s.Next()
		delimiter, ok2 := s.Next()
		name, ok3 := s.Next()
		if !ok1 || !ok2 || !ok3 || attrs.Kind != imapwire.List {
			continue
		}
		f := &folder{raw: string(name.Text()), delimiter: string(delimiter.Text())}
		if name.Kind == imapwire.Nil || name.Kind == imapwire.Atom {
			f.raw = unquotedName(name, s.Rest()) // NIL is a folder's name here; 8-bit names may hold spaces
		}
		for inner := attrs.Scan(); ; {
			attr, ok := inner.Next()
			if !ok {
				break
			}
			f.attrs = append(f.attrs, string(attr.Raw))
		}
		key := f.raw
		if strings.EqualFold(key, "INBOX") {
			key = "INBOX"
		}
		if seen[key] == nil || !seen[key].selectable() {
			seen[key] = f
		}
	}
	folders := make([]*folder, 0, len(seen))
	labels, dirs := map[string]bool{}, map[string]bool{pathKey(sessionDir): true, pathKey(settingsDir): true}
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		f := seen[key]
		f.name, _ = imapwire.FolderName([]byte(f.raw))
		f.label = visible.Text(f.name)
		// Two raw names can read the same only where one of them is not valid; both must be kept apart.
		for n := 2; labels[f.label]; n++ {
			f.label = fmt.Sprintf("%s~%d", visible.Text(f.name), n)
		}
		labels[f.label] = true
		f.dir = f.directory()
		f.alike = dirs[pathKey(f.dir)]
		dirs[pathKey(f.dir)] = true
		folders = append(folders, f)
	}
	return folders
}

// unquotedName returns a name that was sent without quotes, up to the end of the line or to what may follow a name in
// an extended LIST.
func unquotedName(name imapwire.Value, rest []byte) string {
	rest = bytes.TrimRight(rest, "\r\n ")
	if end := bytes.Index(rest, []byte(" (")); end >= 0 {
		rest = rest[:end]
	}
	return string(name.Raw) + string(rest)
}

// readStatus remembers what untagged STATUS responses say.
func (r *run) readStatus(answer *imapwire.Answer) {
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		if resp.Name != "STATUS" {
			continue
		}
		s := resp.Scan()
		name, ok1 := s.Next()
		items, ok2 := s.Next()
		if !ok1 || !ok2 || items.Kind != imapwire.List {
			continue
		}
		var st folderStatus
		for inner := items.Scan(); ; {
			key, ok := inner.Next()
			value, ok2 := inner.Next()
			if !ok || !ok2 {
				break
			}
			n, err := strconv.ParseInt(string(value.Text()), 10, 64)
			if err != nil {
				continue // it is for the progress bar only
			}
			switch strings.ToUpper(string(key.Raw)) {
			case "MESSAGES":
				st.messages = n
			case "SIZE":
				st.size = n
			}
		}
		r.status[string(name.Text())] = st
	}
}

// choose returns the folders in scope that can hold messages.
func (r *run) choose(all []*folder) ([]*folder, error) {
	selectable := slices.DeleteFunc(slices.Clone(all), func(f *folder) bool { return !f.selectable() })
	if len(r.scope.Folders) == 0 {
		return selectable, nil
	}
	var names []string
	byName := map[string]*folder{}
	for _, f := range selectable {
		names = append(names, f.name)
		byName[f.name] = f
		if strings.EqualFold(f.name, "INBOX") {
			byName["INBOX"] = f
		}
	}
	var chosen []*folder
	for _, want := range r.scope.Folders {
		f := byName[want]
		if f == nil && strings.EqualFold(want, "INBOX") {
			f = byName["INBOX"]
		}
		if f == nil {
			return nil, r.noFolder(want, names)
		}
		if !slices.Contains(chosen, f) {
			chosen = append(chosen, f)
		}
	}
	return chosen, nil
}

func (r *run) noFolder(want string, names []string) error {
	text := fmt.Sprintf("there is no folder %q that holds messages", visible.Text(want))
	if near := closeNames(want, names); len(near) > 0 {
		for i := range near {
			near[i] = `"` + visible.Text(near[i]) + `"`
		}
		text += "; near it are " + strings.Join(near, ", ")
	}
	return &Error{
		Account: r.scope.Account, Doing: "choosing folders on " + r.c.addr, Kinds: []error{ErrNoFolder}, Err: errors.New(text),
	}
}

// statusOfEach asks STATUS for each folder where LIST could not tell.
func (r *run) statusOfEach(folders []*folder) error {
	caps := r.link.caps
	if len(r.status) > 0 {
		return r.sink.Expect(evidence.Expectation{
			Account: r.scope.Account, Collector: r.c.Name(), Resource: "status", NotOffered: true,
			Note: "the answer to LIST holds it",
		})
	}
	for _, f := range folders {
		if r.sink.Has(r.scope.Account, "status", f.label) {
			if err := r.expect("status", f.label); err != nil {
				return err
			}
			continue
		}
		cmd := imapwire.NewCommand("STATUS").String(f.raw).Atom("(" + statusItems(caps) + ")")
		answer, err := r.try(cmd)
		if broken := (*brokenError)(nil); errors.As(err, &broken) {
			if err := errors.Join(r.expect("status", f.label), r.gap("status", f.label, evidence.GapFailed, cmd.Shown(), broken.Error())); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		r.readStatus(answer)
		// The sum keeps folders apart whose names differ in case only, and is the same in a later run.
		sum := sha256.Sum256([]byte(f.raw))
		file := evidence.SafeName(fmt.Sprintf("status-%x-%s.txt", sum[:4], f.label))
		if err := r.keepAnswer("status", f.label, file, cmd, answer); err != nil {
			return err
		}
	}
	return nil
}

// announce tells the progress bar what is to come, as far as STATUS told.
func (r *run) announce(folders []*folder) {
	if r.scope.Messages == collectors.MessagesNone {
		return
	}
	for _, f := range folders {
		st, known := r.status[f.raw]
		if !known || r.bounded() {
			continue
		}
		if r.scope.Messages != collectors.MessagesRaw {
			st.size = 0
		}
		f.reading.announced = true
		r.c.cfg.Report.Expect(st.messages, st.size)
	}
}

// expectFolders announces what is in the folders before the first is opened, so that a collection that ends early does
// not pass over those it never came to. Of one whose size is not known, one message is announced.
func (r *run) expectFolders(folders []*folder) error {
	if r.scope.Messages == collectors.MessagesNone {
		r.toExamine = len(folders)
		return nil
	}
	for _, f := range folders {
		count := int64(1)
		if st, known := r.status[f.raw]; known && !r.bounded() {
			count = st.messages
		}
		err := r.sink.Expect(evidence.Expectation{
			Account: r.scope.Account, Collector: r.c.Name(), Resource: f.resource(), Count: count, Note: "the folder was not opened",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pathKey folds a path as the least discerning file systems do.
func pathKey(path string) string { return strings.ToLower(strings.ToUpper(norm.NFKC.String(path))) }

// ownFile matches the names of our files in a folder's directory, which a folder inside it must not have.
var ownFile = regexp.MustCompile(`(?i)^([0-9]{9,}\.(eml|hdr)|(examine-.*|deleted|changes(-[0-9]+)?)\.txt)$`)

// directory returns the folder's name as a path, level by level.
func (f *folder) directory() string {
	elements := []string{f.name}
	if f.delimiter != "" {
		elements = strings.Split(f.name, f.delimiter)
	}
	for i, e := range elements {
		elements[i] = evidence.SafeName(e)
		if i > 0 && ownFile.MatchString(elements[i]) {
			elements[i] += "~folder"
		}
	}
	return strings.Join(elements, "/")
}

// path returns the directory for a folder's exhibits. A folder whose directory would be that of another one (names
// that differ in case only), or that had it under another UIDVALIDITY, gets "~<UIDVALIDITY>" and then "~2". Which of
// two folders is the other one depends on the whole list, not on which of them are in scope: a later run with another
// scope gives the same names.
func (r *run) path(f *folder, uidValidity uint32, again bool) string {
	path := f.dir
	if f.alike || again {
		path = fmt.Sprintf("%s~%d", f.dir, uidValidity)
	}
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	for n := 2; r.shared.paths[pathKey(path)]; n++ {
		path = fmt.Sprintf("%s~%d~%d", f.dir, uidValidity, n)
	}
	r.shared.paths[pathKey(path)] = true
	return path
}
