package files

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// maildirFiles are the files of servers in a Maildir that say something of the messages or of who may read them. They
// are kept as they are; indexes and caches, which hold nothing of their own, are only listed.
func maildirFiles() []string {
	return []string{"dovecot-uidlist", "dovecot-keywords", "dovecot-acl", "dovecot-acl-list", "dovecot-attributes", "subscriptions", "maildirfolder", "maildirsize",
		"courierimapuiddb", "courierimapacl", "courierimapsubscribed"}
}

// A maildirFolder is one folder of a Maildir.
type maildirFolder struct {
	dir      string // within the tree
	name     string // in UTF-8
	resource string
	messages []*found
	hidden   int // files whose name begins with a dot, which are no messages (maildir(5))
	tmp      int // files in tmp, whose delivery was not finished

	uidValidity string
	uids        map[string]string // by the unique part of the file name
	keywords    map[byte]string   // by letter
}

// maildir imports a Maildir with its folders: those of Maildir++ (".Sent" beside cur), and directories that hold a cur
// of their own.
func (r *run) maildir(t *tree) error {
	folders := r.maildirFolders(t)
	r.onlyListed = t.files()
	for _, f := range folders {
		r.onlyListed -= len(f.messages)
		if err := r.maildirOwnFiles(t, f); err != nil {
			return err
		}
		if r.scope.Messages == collectors.MessagesNone {
			continue
		}
		if err := r.maildirMessages(t, f); err != nil {
			return err
		}
	}
	return nil
}

// maildirFolders sorts what was found into folders.
func (r *run) maildirFolders(t *tree) []*maildirFolder {
	var folders []*maildirFolder
	byDir := map[string]*maildirFolder{}
	for i := range t.all {
		f := &t.all[i]
		dir, last := filepath.Split(f.rel)
		dir = filepath.Clean(dir)
		if f.mode.IsDir() && (last == "cur" || last == "new") && byDir[dir] == nil {
			m := &maildirFolder{dir: dir, name: folderName(dir), resource: "messages/" + r.label(t.path(dir))}
			byDir[dir] = m
			folders = append(folders, m)
		}
	}
	for i := range t.all {
		f := &t.all[i]
		dir, sub := filepath.Split(filepath.Dir(f.rel))
		m := byDir[filepath.Clean(dir)]
		switch {
		case m == nil || !f.mode.IsRegular():
		case sub == "tmp":
			m.tmp++
		case sub != "cur" && sub != "new":
		case strings.HasPrefix(filepath.Base(f.rel), "."):
			m.hidden++
		default:
			m.messages = append(m.messages, f)
		}
	}
	return folders
}

// folderName decodes the name of a folder's directory: ".Projets.&AMk-t&AOk-" is Projets.Été (Maildir++; RFC 3501
// section 5.1.3).
func folderName(dir string) string {
	if dir == "." {
		return "INBOX"
	}
	name, _ := imapwire.FolderName([]byte(strings.TrimPrefix(filepath.ToSlash(dir), ".")))
	return name
}

// maildirOwnFiles keeps what the server wrote about a folder, and reads UIDs and keywords from it.
func (r *run) maildirOwnFiles(t *tree, m *maildirFolder) error {
	bases := make(map[string]bool, len(m.messages))
	for _, f := range m.messages {
		bases[parseMaildirName(filepath.Base(f.rel)).unique] = true
	}
	for i := range t.all {
		f := &t.all[i]
		name := filepath.Base(f.rel)
		if !f.mode.IsRegular() || filepath.Dir(f.rel) != m.dir || !slices.Contains(maildirFiles(), name) {
			continue
		}
		r.onlyListed--
		resource, item := r.importOf(t.place), "file/"+visible.Text(f.rel)
		if err := r.announceOne(resource, item); err != nil {
			return err
		}
		s := single{f: f, resource: resource, item: item, name: r.name(t.path(f.rel), ""), media: "text/plain", attrs: map[string]string{"folder": m.name}}
		if err := r.single(t, s); err != nil {
			return err
		}
		if err := m.read(t, f, bases); err != nil {
			// The file is kept or a gap already: what is missing is its reading, without which UIDs are unknown.
			note := fmt.Sprintf("%s could not be read: %v", visible.Text(t.path(f.rel)), err)
			if err := r.gap(resource, "reading/"+visible.Text(f.rel), classOf(err), "reading "+visible.Text(t.path(f.rel)), note); err != nil {
				return err
			}
		}
	}
	return nil
}

// read takes from Dovecot's files what belongs to the messages that are there.
func (m *maildirFolder) read(t *tree, f *found, bases map[string]bool) error {
	name := filepath.Base(f.rel)
	if name != "dovecot-uidlist" && name != "dovecot-keywords" {
		return nil
	}
	file, _, err := t.open(f.rel)
	if err != nil {
		return err
	}
	defer file.Close()
	if name == "dovecot-keywords" {
		m.keywords, err = parseKeywords(file)
		return err
	}
	m.uidValidity, m.uids, err = parseUIDList(file, bases)
	return err
}

// maxUIDLine is how long a line of dovecot-uidlist may be; file names have 255 bytes at the most.
const maxUIDLine = 4096

// parseUIDList reads dovecot-uidlist (https://doc.dovecot.org, mailbox formats, Maildir): of version 3 the header
// "3 V<UIDVALIDITY> N<next> G<GUID>" and lines "<UID> <extensions> :<file name>", of version 1 "1 <UIDVALIDITY> <next>"
// and "<UID> <file name>". Only files that are there are remembered; lines that cannot be read are passed over.
func parseUIDList(r io.Reader, bases map[string]bool) (uidValidity string, uids map[string]string, err error) {
	in := bufio.NewReaderSize(r, maxUIDLine)
	uids = map[string]string{}
	for first := true; ; first = false {
		line, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return "", nil, err
		}
		fields := strings.Fields(line)
		switch {
		case len(line) > maxUIDLine || len(fields) < 2:
		case first && fields[0] == "1":
			uidValidity = number(fields[1])
		case first:
			for _, field := range fields[1:] {
				if field[0] == 'V' {
					uidValidity = number(field[1:])
				}
			}
		default:
			_, name, found := strings.Cut(strings.TrimRight(line, "\r\n"), " :")
			if !found {
				name = fields[1]
			}
			if unique := parseMaildirName(name).unique; bases[unique] && number(fields[0]) != "" {
				uids[unique] = fields[0]
			}
		}
		if err == io.EOF {
			return uidValidity, uids, nil
		}
	}
}

// number gives a decimal number of 32 bits as it stands, or "".
func number(s string) string {
	if _, err := strconv.ParseUint(s, 10, 32); err != nil {
		return ""
	}
	return s
}

// parseKeywords reads dovecot-keywords: lines "<number> <keyword>"; 0 is the letter a.
func parseKeywords(r io.Reader) (map[byte]string, error) {
	const most = 64 << 10 // there are 26 letters
	data, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return nil, err
	}
	keywords := map[byte]string{}
	for line := range bytes.Lines(data) {
		n, word, _ := strings.Cut(strings.TrimRight(validText(line), "\r\n"), " ")
		if i, err := strconv.Atoi(n); err == nil && i >= 0 && i < 26 && word != "" {
			keywords['a'+byte(i)] = word
		}
	}
	return keywords, nil
}

// A maildirName is what a file name in a Maildir says.
type maildirName struct {
	unique string // what does not change with the flags: all before ":2,"
	base   string // unique without ",S=" and the like
	flags  string // letters after ":2,"; "" where there is no such part
	info   bool   // there is such a part
	s, w   string // S= and W=: size, and size with CRLF line ends; "" where they are not there
}

// parseMaildirName reads a file name (https://cr.yp.to/proto/maildir.html; S= and W= are of Maildir++ and Dovecot). Some
// systems write ";2," or "!2,", since they allow no colon.
func parseMaildirName(name string) maildirName {
	m := maildirName{unique: name}
	for _, mark := range []string{":2,", ";2,", "!2,"} {
		if i := strings.LastIndex(name, mark); i >= 0 {
			m.unique, m.flags, m.info = name[:i], name[i+len(mark):], true
			break
		}
	}
	m.base = m.unique
	if i := strings.IndexByte(m.unique, ','); i >= 0 {
		m.base = m.unique[:i]
		for part := range strings.SplitSeq(m.unique[i+1:], ",") {
			if value, ok := strings.CutPrefix(part, "S="); ok {
				m.s = digits(value)
			}
			if value, ok := strings.CutPrefix(part, "W="); ok {
				m.w = digits(value)
			}
		}
	}
	return m
}

func digits(s string) string {
	if _, err := strconv.ParseUint(s, 10, 63); err != nil {
		return ""
	}
	return s
}

// imapFlags gives the flags that the letters stand for, as FETCH writes them. Lower-case letters are keywords.
func (m *maildirFolder) imapFlags(letters string) string {
	var flags []string
	for _, l := range []byte(letters) {
		flag := map[byte]string{'S': `\Seen`, 'R': `\Answered`, 'F': `\Flagged`, 'T': `\Deleted`, 'D': `\Draft`, 'P': "$Forwarded"}[l]
		if flag == "" {
			flag = m.keywords[l]
		}
		if flag != "" && !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	return "(" + strings.Join(flags, " ") + ")"
}

// maildirMessages keeps the messages of a folder.
func (r *run) maildirMessages(t *tree, m *maildirFolder) error {
	note := ""
	if m.tmp+m.hidden > 0 {
		note = fmt.Sprintf("no messages and only listed: %d files in tmp, %d that begin with a dot", m.tmp, m.hidden)
	}
	if err := r.announce(m.resource, int64(len(m.messages)), note); err != nil {
		return err
	}
	r.c.cfg.Report.Step(m.name)
	r.progress(m.messages)
	seen := make(map[string]bool, len(m.messages))
	for _, f := range m.messages {
		n := parseMaildirName(filepath.Base(f.rel))
		item := visible.Text(n.unique)
		if seen[item] { // the same in cur and in new, or with other flags
			item = visible.Text(f.rel)
		}
		seen[item] = true
		s := single{f: f, resource: m.resource, item: item, attrs: m.attrs(f, n),
			name:  r.messageName(filepath.Join(t.path(m.dir), n.unique)),
			again: func() string { return t.renamed(m.dir, n.unique) }}
		if err := r.single(t, s); err != nil {
			return err
		}
	}
	return nil
}

// attrs are what name, time and Dovecot's files say of a message.
func (m *maildirFolder) attrs(f *found, n maildirName) map[string]string {
	a := map[string]string{"folder": m.name, "file": visible.Text(f.rel), "flags": m.imapFlags(n.flags),
		"internaldate": internalDate(f.mtime), "date.from": "modification time of the file", "rfc822.size": fmt.Sprint(f.size)}
	if n.info {
		a["letters"] = visible.Text(n.flags)
	}
	if uid := m.uids[n.unique]; uid != "" {
		a["uid"], a["uidvalidity"] = uid, m.uidValidity
	}
	if n.s != "" {
		a["maildir.s"] = n.s
		if n.s != a["rfc822.size"] {
			a["note"] = fmt.Sprintf("the file name says %s bytes (S=), the file has %d", n.s, f.size)
		}
	}
	if n.w != "" {
		a["maildir.w"] = n.w
	}
	return a
}

// renamed looks for a message that got other flags, or moved from new to cur, since its folder was listed.
func (t *tree) renamed(dir, unique string) string {
	for _, sub := range []string{"cur", "new"} {
		rel := filepath.Join(dir, sub)
		d, err := t.openQuietly(rel)
		if err != nil {
			continue // then the message is a gap, with what the system said when it was opened
		}
		names, _ := d.Readdirnames(-1)
		_ = d.Close() // it was only read
		for _, name := range names {
			if parseMaildirName(name).unique == unique {
				return filepath.Join(rel, name)
			}
		}
	}
	return ""
}
