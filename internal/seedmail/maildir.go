package seedmail

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Summary counts what was written.
type Summary struct {
	Messages int
	Bytes    int64
	Folders  int
}

// WriteMaildir writes the mailbox of a Spec into the Maildir dir, as Write does.
func WriteMaildir(dir string, spec Spec) (Summary, error) {
	return Write(dir, spec.folders(), Mailbox(spec))
}

// Write puts messages into the Maildir dir the way Dovecot keeps them: Maildir++ folders (".A.B" for A/B, names in
// modified UTF-7, RFC 3501, 5.1.3), S= (bytes) and W= (bytes with CRLF) in file names, INTERNALDATE as the file's time,
// keywords as letters that dovecot-keywords explains, and recent messages in new. File names depend on the order only.
// UIDs and UIDVALIDITY are fixed by a dovecot-uidlist in each folder; UIDs ascend in the order of the messages, and have
// gaps as if some had been expunged. Recent messages, which must be a folder's last, get theirs when a client first looks. Folders are made and subscribed to, those named in folders even if they get no
// message.
//
// The directory may exist, but not hold what is to be written, and no client may be reading it. Files belong to the user
// who runs this.
func Write(dir string, folders []string, messages iter.Seq[Message]) (Summary, error) {
	w := maildirWriter{dir: dir, written: map[string]*maildirFolder{}}
	for _, folder := range folders {
		if _, err := w.folder(folder); err != nil {
			return w.sum, err
		}
	}
	for m := range messages {
		if err := w.message(m); err != nil {
			return w.sum, err
		}
	}
	for _, f := range w.written {
		if err := f.writeUIDList(); err != nil {
			return w.sum, err
		}
	}
	w.sum.Folders = len(w.written)
	return w.sum, os.WriteFile(filepath.Join(dir, "subscriptions"), []byte(strings.Join(w.subscribed, "")), 0o600)
}

type maildirWriter struct {
	dir        string
	written    map[string]*maildirFolder // by folder name
	subscribed []string                  // lines for the file "subscriptions"
	sum        Summary
}

// A maildirFolder is one folder on disk.
type maildirFolder struct {
	name, path string
	messages   int          // with a UID
	uids       bytes.Buffer // lines for the file "dovecot-uidlist"
}

// keywords are what a, b, … in a file name stand for.
func keywords() []string { return []string{"$Forwarded", "$MDNSent", "$Junk", "NonJunk"} }

// The first UID of a folder is firstUID, and skipped UIDs are missing after each uidRun messages.
const (
	firstUID = 101
	uidRun   = 17
	skipped  = 3
)

// uid is what the message of that number, counted from 0, has in its folder.
func uid(number int) int { return firstUID + number + number/uidRun*skipped }

// uidValidity is made from the folder's name, and lies in 2025 where servers have the time for it.
func uidValidity(folder string) uint32 {
	return 1735689600 + crc32.ChecksumIEEE([]byte(folder))%(365*86400)
}

// writeUIDList writes Dovecot's list of UIDs (its format version 3: V UIDVALIDITY, N next UID, G the folder's GUID).
func (f *maildirFolder) writeUIDList() error {
	next := firstUID
	if f.messages > 0 {
		next = uid(f.messages-1) + 1
	}
	guid := sha256.Sum256([]byte(f.name))
	header := fmt.Sprintf("3 V%d N%d G%x\n", uidValidity(f.name), next, guid[:16])
	return os.WriteFile(filepath.Join(f.path, "dovecot-uidlist"), append([]byte(header), f.uids.Bytes()...), 0o600)
}

// folder returns a folder, making it first if it is new.
func (w *maildirWriter) folder(name string) (*maildirFolder, error) {
	if f, ok := w.written[name]; ok {
		return f, nil
	}
	path := w.dir
	if name != "INBOX" {
		encoded, err := maildirName(name)
		if err != nil {
			return nil, err
		}
		path = filepath.Join(w.dir, "."+encoded)
		w.subscribed = append(w.subscribed, encoded+"\n")
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(path, sub), 0o700); err != nil {
			return nil, err
		}
	}
	if name != "INBOX" {
		if err := os.WriteFile(filepath.Join(path, "maildirfolder"), nil, 0o600); err != nil {
			return nil, err
		}
	}
	var explained strings.Builder
	for i, keyword := range keywords() {
		fmt.Fprintf(&explained, "%d %s\n", i, keyword)
	}
	f := &maildirFolder{name: name, path: path}
	w.written[name] = f
	return f, os.WriteFile(filepath.Join(path, "dovecot-keywords"), []byte(explained.String()), 0o600)
}

func (w *maildirWriter) message(m Message) error {
	folder, err := w.folder(m.Folder)
	if err != nil {
		return err
	}
	letters, err := flagLetters(m.Flags)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d.M%06dP%d.seedmail,S=%d,W=%d", m.InternalDate.Unix(), w.sum.Messages%1_000_000, w.sum.Messages,
		len(m.Raw), len(m.Raw)+loneLF(m.Raw))
	path := filepath.Join(folder.path, "cur", name+":2,"+letters)
	if m.Recent {
		path = filepath.Join(folder.path, "new", name)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("this mailbox has been written here already: %s", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(m.Raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if !m.Recent {
		fmt.Fprintf(&folder.uids, "%d :%s\n", uid(folder.messages), name)
		folder.messages++
	}
	w.sum.Messages++
	w.sum.Bytes += int64(len(m.Raw))
	return os.Chtimes(path, m.InternalDate, m.InternalDate)
}

// loneLF counts the line ends that a server sends as CRLF although the file has LF alone.
func loneLF(raw []byte) int {
	n := 0
	for i, c := range raw {
		if c == '\n' && (i == 0 || raw[i-1] != '\r') {
			n++
		}
	}
	return n
}

// flagLetters writes flags as a Maildir file name has them: capitals in order, then the letters of keywords.
func flagLetters(flags []string) (string, error) {
	var set [128]bool
	for _, flag := range flags {
		letter, err := flagLetter(flag)
		if err != nil {
			return "", err
		}
		set[letter] = true
	}
	var letters []byte
	for c := range byte(len(set)) {
		if set[c] {
			letters = append(letters, c)
		}
	}
	return string(letters), nil
}

func flagLetter(flag string) (byte, error) {
	switch flag {
	case `\Draft`:
		return 'D', nil
	case `\Flagged`:
		return 'F', nil
	case `\Answered`:
		return 'R', nil
	case `\Seen`:
		return 'S', nil
	case `\Deleted`:
		return 'T', nil
	}
	for i, keyword := range keywords() {
		if keyword == flag {
			return 'a' + byte(i), nil
		}
	}
	return 0, fmt.Errorf("a Maildir of ours has no letter for the flag %s", strconv.Quote(flag))
}

// maildirName writes a folder name as Maildir++ does.
func maildirName(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, ".\x00\r\n") {
		return "", fmt.Errorf("a Maildir++ folder cannot be called %s", strconv.Quote(name))
	}
	return strings.ReplaceAll(modifiedUTF7(name), "/", "."), nil
}
