package anchor

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// Dir is the folder of anchors in a case directory.
const Dir = "anchors"

// Keep writes an authority's answer on the head into dir, which it makes if need be, and returns the file's name. The
// answer is held against the head once more before it is kept. roots, which may be nil, complete the certificates that
// the authority sent. Files are never replaced.
func Keep(dir string, head journal.Head, tsr []byte, roots *x509.CertPool) (string, error) {
	digest, err := digestOf(head.SHA256)
	if err != nil {
		return "", err
	}
	info, err := verify(tsr, digest, roots)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		base := fmt.Sprintf("%06d", head.Seq)
		if n > 1 {
			base += "-" + strconv.Itoa(n)
		}
		err := create(filepath.Join(dir, base+".tsr"), tsr)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		// The answer is what counts; certificates that are there already, from an anchor that was removed, stay.
		if err := create(filepath.Join(dir, base+".pem"), chain(info)); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		return base + ".tsr", nil
	}
}

func create(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// chain gives the certificates from the signer to the root, then what else was sent, each once, in PEM form.
func chain(info timestamp.Info) []byte {
	var out bytes.Buffer
	seen := make(map[[sha256.Size]byte]bool)
	add := func(der []byte) {
		if sum := sha256.Sum256(der); !seen[sum] {
			seen[sum] = true
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a bytes.Buffer takes all
		}
	}
	for _, cert := range info.Chain {
		add(cert.Raw)
	}
	for block, rest := pem.Decode(info.Certificates); block != nil; block, rest = pem.Decode(rest) {
		add(block.Bytes)
	}
	return out.Bytes()
}

// verify checks a time-stamp; one that leads to no root of roots is not an error, and not Trusted.
func verify(tsr []byte, digest [32]byte, roots *x509.CertPool) (timestamp.Info, error) {
	if roots != nil {
		info, err := timestamp.Verify(tsr, digest, timestamp.Options{Roots: roots})
		if !errors.Is(err, timestamp.ErrUntrusted) {
			return info, err
		}
	}
	return timestamp.Verify(tsr, digest, timestamp.Options{})
}

func digestOf(sum string) (digest [32]byte, err error) {
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != len(digest) {
		return digest, fmt.Errorf("%q is not a SHA-256 in hexadecimal digits", sum)
	}
	return [32]byte(raw), nil
}

// A Kind says in which way an anchor does not hold.
type Kind string

// The kinds of anchors that do not hold.
const (
	CutOff    Kind = "cut off"   // the journal has no such entry any more: its last lines were removed
	Rewritten Kind = "rewritten" // the entry of that number is another line: lines were written anew
	Missing   Kind = "missing"   // the journal says that the anchor was kept, and its file is not there
	Damaged   Kind = "damaged"   // the file is not a genuine time-stamp
)

// A Finding is what came of checking one anchor.
type Finding struct {
	File string // its name in the folder
	Seq  uint64 // the entry that it stands for
	timestamp.Info

	Broken Kind   // empty where the anchor holds
	Detail string // in words, where it does not; may hold a stranger's text
}

// fileName is that of an anchor.
func fileName() *regexp.Regexp { return regexp.MustCompile(`^(\d{6,20})(-\d+)?\.tsr$`) }

// RefFiles is the name in an entry's Ref under which it says which anchors were kept, separated by spaces.
const RefFiles = "anchor_files"

// Verify holds every anchor in dir, and every one that an entry says was kept, against the journal's verified lines.
// Anchors are sorted by name. Trust is as of roots, nil trusts nobody. A folder that is not there has no anchors.
func Verify(dir string, lines []journal.Line, roots *x509.CertPool) ([]Finding, error) {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var findings []Finding
	there := make(map[string]bool)
	for _, file := range names {
		m := fileName().FindStringSubmatch(file.Name())
		if m == nil {
			continue
		}
		seq, err := strconv.ParseUint(m[1], 10, 64)
		if err != nil {
			continue
		}
		there[file.Name()] = true
		tsr, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, err
		}
		findings = append(findings, check(Finding{File: file.Name(), Seq: seq}, tsr, lines, roots))
	}
	for _, line := range lines {
		if !line.Auto {
			continue
		}
		for name := range strings.FieldsSeq(line.Ref[RefFiles]) {
			if m := fileName().FindStringSubmatch(name); m != nil && !there[name] {
				there[name] = true
				seq, _ := strconv.ParseUint(m[1], 10, 64)
				findings = append(findings, Finding{File: name, Seq: seq, Broken: Missing,
					Detail: fmt.Sprintf("entry %d says that it was kept", line.Seq)})
			}
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.File, b.File) })
	return findings, nil
}

// check holds one anchor against the journal.
func check(f Finding, tsr []byte, lines []journal.Line, roots *x509.CertPool) Finding {
	var digest [32]byte
	there := f.Seq >= 1 && f.Seq <= uint64(len(lines))
	if there {
		digest, _ = digestOf(lines[f.Seq-1].SHA256)
	}
	var err error
	f.Info, err = verify(tsr, digest, roots)
	switch {
	case err == nil:
	case !errors.Is(err, timestamp.ErrOtherData):
		f.Broken, f.Detail = Damaged, err.Error()
	case !there:
		f.Broken, f.Detail = CutOff, fmt.Sprintf("the journal has %d entries; when this was made it had %d", len(lines), f.Seq)
	default:
		f.Broken, f.Detail = Rewritten, fmt.Sprintf("entry %d is now a line of SHA-256 %s, and the time-stamp is of another",
			f.Seq, lines[f.Seq-1].SHA256)
	}
	return f
}
