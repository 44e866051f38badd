package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// A BundleSource is where a bundle's files are read from: a folder (Dir), a store.
type BundleSource interface {
	// Open gives a file by its name in the bundle, slash-separated. The error of one that is not there wraps
	// fs.ErrNotExist.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Names lists all files, in any order.
	Names(ctx context.Context) iter.Seq2[string, error]
}

// Dir is the bundle in a folder.
type Dir string

// Open opens a regular file of the bundle. A symbolic link is refused: evidence does not point elsewhere.
func (d Dir) Open(_ context.Context, name string) (io.ReadCloser, error) {
	path := filepath.Join(string(d), filepath.FromSlash(name))
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return os.Open(path)
}

// Names lists all that is in the folder but folders.
func (d Dir) Names(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := filepath.WalkDir(string(d), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(string(d), path)
			if err == nil && !yield(filepath.ToSlash(name), nil) {
				return fs.SkipAll
			}
			return err
		})
		if err != nil {
			yield("", err)
		}
	}
}

// A DamageKind says in which way a bundle is not what was sealed.
type DamageKind string

// The kinds of damage. They are part of the command line's promise: scripts compare them.
const (
	DamageNotSealed DamageKind = "not sealed"
	DamageMissing   DamageKind = "missing file"
	DamageExtra     DamageKind = "extra file"
	DamageDigest    DamageKind = "digest mismatch"
	DamageMalformed DamageKind = "malformed file"
	DamageSignature DamageKind = "bad signature"
	DamageTimestamp DamageKind = "bad timestamp"
	DamageOtherData DamageKind = "timestamp of other data"
	DamageChain     DamageKind = "broken seal chain"
	DamageMerkle    DamageKind = "Merkle mismatch"
	DamageContent   DamageKind = "content mismatch" // the index and the segments do not agree
)

// A Damage is one thing that is not as it was sealed.
type Damage struct {
	Kind   DamageKind `json:"kind"`
	Name   string     `json:"name"` // of the file in the bundle
	Detail string     `json:"detail"`
}

// A Check is one thing that was looked at, and by what means.
type Check struct {
	What string `json:"what"`
	By   string `json:"by"`
	OK   bool   `json:"ok"`
}

// A Verification is what Verify found.
type Verification struct {
	Acquisition Acquisition `json:"acquisition"` // as the bundle has it; zero where it cannot be read (see VerifyConfig.Coverage)
	TagManifest Digest      `json:"tagmanifest_sha256"`
	Signer      string      `json:"signer"` // fingerprint of the key whose signature is right; empty if none is
	Timestamps  []Timestamp `json:"timestamps"`

	Minisign    *MinisignSignature    `json:"minisign,omitempty"`    // nil: the bundle has none, or a wrong one
	Certificate *CertificateSignature `json:"certificate,omitempty"` // nil: the bundle has none, or a wrong one

	// Disclosure is set for a disclosed part of a bundle: then TagManifest is the bundle's, and Acquisition is zero.
	Disclosure *Disclosure `json:"disclosure,omitempty"`

	Bytes  int64    `json:"bytes_read"`
	Checks []Check  `json:"checks"`
	Damage []Damage `json:"damage"`
}

// A Timestamp is a time-stamp in a bundle that is right.
type Timestamp struct {
	Name      string    `json:"name"`      // sig/….tsr
	Of        string    `json:"of"`        // the file that it stamps
	Time      time.Time `json:"time"`      // UTC
	Authority string    `json:"authority"` // subject of the certificate that signed
	Trusted   bool      `json:"trusted"`   // its certificates lead to one of VerifyConfig.Roots
	Local     bool      `json:"local"`     // made by mbaudit's own authority: no third party
	Qualified bool      `json:"qualified"` // states that it is an eIDAS qualified one; the EU lists tell whether it is
	Standing  string    `json:"standing"`  // in words what that means
	Remarks   []string  `json:"remarks"`   // what is odd about it in parts that nobody signed; what was revoked after it

	// Revocation is what the CRLs and OCSP responses kept beside it say of its certificates.
	Revocation []timestamp.Status `json:"revocation"`
}

// Intact says whether everything is as it was sealed.
func (v *Verification) Intact() bool { return len(v.Damage) == 0 }

// VerifyConfig says what the bundle is held against beyond itself.
type VerifyConfig struct {
	Signer string         // the fingerprint that the signing key must have; empty: the one in opening.json
	Roots  *x509.CertPool // roots of the time-stamping authorities that are trusted; nil: none

	// Identities decrypt an encrypted bundle. Without them its integrity is checked, and not that its content is what the
	// index and the tree say.
	Identities []Identity

	// Coverage asks for Verification.Acquisition.Coverage, which of many accounts is large and is left out else.
	Coverage bool

	SealRoots *x509.CertPool // roots of the authorities that are trusted for certificates that sign; nil: none
}

// Verify re-reads a whole bundle. The error is about reading only (no such folder, network down, ctx done); all that is
// wrong with the bundle is in the Verification.
func Verify(ctx context.Context, src BundleSource, config VerifyConfig) (*Verification, error) {
	v := &verifier{ctx: ctx, src: src, config: config, present: make(map[string]bool)}
	for name, err := range src.Names(ctx) {
		if err != nil {
			return nil, err
		}
		v.present[name] = true
	}
	if v.disclosed() {
		return v.verifyDisclosed()
	}
	if !v.present[tagManifestFile] {
		if !v.present[openingFile] {
			return nil, fmt.Errorf("there is no bundle here: %w", fs.ErrNotExist)
		}
		v.damage(DamageNotSealed, tagManifestFile, "collection was not finished")
		return &v.Verification, nil
	}
	for _, step := range []func() error{v.tagFiles, v.documents, v.sealChain, v.payload, v.extraFiles, v.signature, v.timestamps, v.otherSignatures} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &v.Verification, nil
}

type verifier struct {
	Verification
	ctx     context.Context
	src     BundleSource
	config  VerifyConfig
	present map[string]bool

	manifest  []byte // tagmanifest-sha256.txt
	tagged    map[string][]byte
	tagNames  map[string]Digest
	payloads  map[string]Digest
	opening   Opening
	private   Digest // of the whole acquisition of an encrypted bundle, as the public one has it
	acqRead   bool   // acquisition.json was there
	acqErr    error  // what is wrong with it
	suffix    string // of sealed payload files: ".age" in an encrypted bundle
	seals     []Seal
	chainRead bool // every seal could be read
}

// Limits for files that are read whole; a damaged bundle may hold anything.
const (
	maxTagFile = 64 << 20
	maxSigFile = 4 << 20
)

func (v *verifier) damage(kind DamageKind, name, format string, args ...any) {
	v.Damage = append(v.Damage, Damage{Kind: kind, Name: name, Detail: fmt.Sprintf(format, args...)})
}

// check records what a step looked at. damagesBefore tells whether it found something.
func (v *verifier) check(damagesBefore int, by, format string, args ...any) {
	v.Checks = append(v.Checks, Check{What: fmt.Sprintf(format, args...), By: by, OK: len(v.Damage) == damagesBefore})
}

// read reads a small file whole. ok is false where it is not there or cannot be one of ours; this is noted as damage.
func (v *verifier) read(name string, limit int64) (data []byte, ok bool, err error) {
	if !v.present[name] {
		v.damage(DamageMissing, name, "it is not there")
		return nil, false, nil
	}
	r, err := v.src.Open(v.ctx, name)
	if err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", name, err)
	}
	defer r.Close()
	data, err = readFile(r, limit)
	if err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", name, err)
	}
	v.Bytes += int64(len(data))
	return data, true, nil
}

// tagFiles holds every tag file against tagmanifest-sha256.txt.
func (v *verifier) tagFiles() error {
	before := len(v.Damage)
	data, _, err := v.read(tagManifestFile, maxTagFile)
	if err != nil {
		return err
	}
	v.manifest = data
	v.TagManifest = sha256.Sum256(data)
	lines, err := parseManifest(data)
	if err != nil {
		v.damage(DamageMalformed, tagManifestFile, "%v", err)
	}
	v.tagged, v.tagNames = make(map[string][]byte), make(map[string]Digest)
	for _, l := range lines {
		v.tagNames[l.name] = l.digest
		if l.name == acquisitionFile {
			if err := v.acquisition(l.digest); err != nil {
				return err
			}
			continue
		}
		data, ok, err := v.read(l.name, maxTagFile)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if got := Digest(sha256.Sum256(data)); got != l.digest {
			v.damage(DamageDigest, l.name, "SHA-256 is %s, sealed was %s", got, l.digest)
		}
		v.tagged[l.name] = data
	}
	for _, name := range v.mandatory() {
		if _, named := v.tagNames[name]; !named {
			v.damage(DamageMalformed, tagManifestFile, "it does not name %s", name)
		}
	}
	v.check(before, "SHA-256", "%d tag files against %s", len(lines), tagManifestFile)
	return nil
}

// acquisition reads acquisition.json, of which the coverage has any size.
func (v *verifier) acquisition(want Digest) error {
	if !v.present[acquisitionFile] {
		v.damage(DamageMissing, acquisitionFile, "it is not there")
		return nil
	}
	f, err := openHashed(v.ctx, v.src, acquisitionFile)
	if err != nil {
		return err
	}
	defer f.Close()
	var found struct {
		Acquisition
		Private Digest `json:"private_sha256"`
	}
	if v.acqErr, err = v.readAcquisition(f, &found, &found.Acquisition); err != nil {
		return fmt.Errorf("reading %s: %w", acquisitionFile, err)
	}
	if v.acqErr == nil {
		v.Acquisition, v.private = found.Acquisition, found.Private
	}
	v.Bytes += f.n
	if got := f.digest(); got != want {
		v.damage(DamageDigest, acquisitionFile, "SHA-256 is %s, sealed was %s", got, want)
	}
	v.acqRead = true
	return nil
}

// documents reads the JSON tag files and holds them against each other.
func (v *verifier) documents() error {
	before := len(v.Damage)
	if data, ok := v.tagged[openingFile]; ok {
		if err := parseDocument(data, &v.opening); err != nil {
			v.opening = Opening{}
			v.damage(DamageMalformed, openingFile, "%v", err)
		}
	}
	if v.acqRead {
		if v.acqErr != nil {
			v.damage(DamageMalformed, acquisitionFile, "%v", v.acqErr)
		} else if v.opening.V == 0 {
			v.opening = v.Acquisition.Opening // the opening cannot be read, and was said so; this is its copy
		} else if v.Acquisition.Opening.Bundle != v.opening.Bundle || v.Acquisition.Opening.Signer != v.opening.Signer {
			v.damage(DamageContent, acquisitionFile, "its opening is not the one in %s", openingFile)
		}
	}
	v.check(before, "reading", "%s and %s agree", openingFile, acquisitionFile)
	if v.opening.Private == nil {
		return nil
	}
	v.suffix = encryptedSuffix
	return v.privateDocuments()
}

// privateDocuments reads, with an identity, what an encrypted bundle says of people and folders, and holds it against the
// digests in the public documents.
func (v *verifier) privateDocuments() error {
	if len(v.config.Identities) == 0 {
		return nil
	}
	if !v.acqRead || v.acqErr != nil {
		return nil // missing or malformed, and said so
	}
	before := len(v.Damage)
	if _, err := v.privateDocument(privateOpeningFile, *v.opening.Private, nil); err != nil {
		return err
	}
	whole := v.Acquisition
	ok, err := v.privateDocument(privateAcquisitionFile, v.private, &whole)
	if err != nil {
		return err
	}
	if ok {
		v.Acquisition = whole
	}
	v.check(before, "age, SHA-256", "the private opening and acquisition are those that the public ones name")
	return nil
}

// privateDocument decrypts a document and says whether it is the one that the public one names, and into, if any, was read.
func (v *verifier) privateDocument(name string, want Digest, into *Acquisition) (ok bool, err error) {
	name += encryptedSuffix
	if !v.present[name] {
		v.damage(DamageMissing, name, "it is not there")
		return false, nil
	}
	f, err := openHashed(v.ctx, v.src, name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	content, err := age.Decrypt(f, v.config.Identities...)
	var noMatch *age.NoIdentityMatchError
	if errors.As(err, &noMatch) {
		return false, fmt.Errorf("none of the identities given can decrypt the bundle: %w", err)
	}
	clear := hashed(io.NopCloser(content), name)
	var parsing error
	switch {
	case err != nil:
	case into == nil:
		_, err = io.Copy(io.Discard, onlyReader{clear})
	default:
		parsing, err = v.readAcquisition(clear, into, into)
	}
	v.Bytes += f.n
	switch {
	case f.err != nil:
		return false, fmt.Errorf("reading %s: %w", name, f.err)
	case err != nil || clear.digest() != want:
		v.damage(DamageContent, name, "it is not the document that the public one names: %v", err)
	case parsing != nil:
		v.damage(DamageMalformed, name, "%v", parsing)
	default:
		return true, nil
	}
	return false, nil
}

// readAcquisition reads an acquisition to its end into doc, which is or holds acq; the coverage too where it is wanted.
func (v *verifier) readAcquisition(f *hashedFile, doc any, acq *Acquisition) (parsing, err error) {
	if !v.config.Coverage {
		return readHashed(f, doc, func(Coverage) {}) // each row is read all the same: one that is malformed is damage
	}
	var rows []Coverage
	parsing, err = readHashed(f, doc, rowsInto(&rows))
	acq.Coverage = rows
	return parsing, err
}

// sealChain holds every seal against the one before it.
func (v *verifier) sealChain() error {
	before := len(v.Damage)
	prev, next := Digest(sha256.Sum256(v.tagged[openingFile])), int64(1)
	v.chainRead = true
	for n := 1; ; n++ {
		name := sealPath(n)
		data, ok := v.tagged[name]
		if !ok {
			if _, named := v.tagNames[name]; named {
				v.chainRead = false // missing, and said so already
			}
			break
		}
		var seal Seal
		if err := parseDocument(data, &seal); err != nil {
			v.damage(DamageMalformed, name, "%v", err)
			v.chainRead = false
			break
		}
		if seal.Prev != prev {
			v.damage(DamageChain, name, "it follows a seal with the SHA-256 %s, the one before it has %s", seal.Prev, prev)
		}
		if seal.Bundle != v.opening.Bundle || seal.Segment != n || seal.First != next || seal.Tree.Size < seal.First ||
			seal.Index.Path != indexPath(n)+v.suffix || seal.Zip != nil && seal.Zip.Path != segmentPath(n)+v.suffix {
			v.damage(DamageChain, name, "it is not the seal of segment %d of bundle %s from record %d on", n, v.opening.Bundle, next)
		}
		v.seals = append(v.seals, seal)
		prev, next = sha256.Sum256(data), seal.Tree.Size+1
	}
	for name := range v.tagNames {
		if number, isSeal := sealNumber(name); isSeal && v.chainRead && number > len(v.seals) {
			v.damage(DamageChain, name, "there are only %d seals before it", len(v.seals))
		}
	}
	if v.chainRead && (v.Acquisition.LastSeal != prev || v.Acquisition.Counts.Segments != len(v.seals)) {
		v.damage(DamageChain, acquisitionFile, "it names another last seal than the chain has")
	}
	v.check(before, "SHA-256", "the chain of seals: %d, from %s on", len(v.seals), openingFile)
	return nil
}

func sealNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, sealsDir+"/")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(digits, ".json"))
	return n, err == nil
}

// payload reads every payload file: segments with their indexes, and the logs.
func (v *verifier) payload() error {
	before := len(v.Damage)
	data, ok := v.tagged[manifestFile]
	if !ok {
		return nil
	}
	lines, err := parseManifest(data)
	if err != nil {
		v.damage(DamageMalformed, manifestFile, "%v", err)
	}
	v.payloads = make(map[string]Digest, len(lines))
	for _, l := range lines {
		v.payloads[l.name] = l.digest
		if !v.present[l.name] {
			v.damage(DamageMissing, l.name, "it is not there")
		}
	}
	sealed, err := v.segments()
	if err != nil {
		return err
	}
	for _, l := range lines {
		if sealed[l.name] || !v.present[l.name] {
			continue
		}
		got, err := v.digest(l.name)
		if err != nil {
			return err
		}
		if got != l.digest {
			v.damage(DamageDigest, l.name, "SHA-256 is %s, sealed was %s", got, l.digest)
		}
	}
	what := ", and every exhibit's bytes against its index line"
	if !v.content() {
		what = "; they are encrypted: what they hold needs --identity"
	}
	v.check(before, "SHA-256", "%d payload files against %s%s", len(lines), manifestFile, what)
	return nil
}

// content says whether what the payload holds can be read.
func (v *verifier) content() bool { return v.suffix == "" || len(v.config.Identities) > 0 }

// digest reads a payload file of any size.
func (v *verifier) digest(name string) (Digest, error) {
	r, err := v.src.Open(v.ctx, name)
	if err != nil {
		return Digest{}, fmt.Errorf("reading %s: %w", name, err)
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	v.Bytes += n
	if err != nil {
		return Digest{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return Digest(sum.Sum(nil)), nil
}

// segments reads all segments, several at once, and builds the tree over their lines in order. It returns the names
// of the files that it has read.
func (v *verifier) segments() (map[string]bool, error) {
	results := make([]chan segmentResult, len(v.seals))
	slots := make(chan struct{}, runtime.GOMAXPROCS(0)+1)
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	for i := range results {
		results[i] = make(chan segmentResult, 1)
	}
	go func() {
		for i, seal := range v.seals {
			select {
			case slots <- struct{}{}: // given back when the result is taken, so that few leaves wait in memory
			case <-ctx.Done():
				return
			}
			go func() { results[i] <- v.readSegment(ctx, seal) }()
		}
	}()
	read := make(map[string]bool)
	var t tree
	var counts Counts
	before, whole := len(v.Damage), v.chainRead
	for i, seal := range v.seals {
		result := <-results[i]
		<-slots
		if result.err != nil {
			return nil, result.err
		}
		for name, digest := range result.digests {
			read[name] = true
			want, named := v.payloads[name]
			switch {
			case !named:
				v.damage(DamageContent, name, "the seal names it, %s does not", manifestFile)
			case digest != want:
				v.damage(DamageDigest, name, "SHA-256 is %s, sealed was %s%s", digest, want, result.hits())
			}
		}
		if files := sealFiles(seal); slices.ContainsFunc(files, func(f SealedFile) bool { return f.SHA256 != v.payloads[f.Path] }) {
			v.damage(DamageChain, sealPath(seal.Segment), "its digests are not those of %s", manifestFile)
		}
		intact := true
		for _, f := range sealFiles(seal) {
			intact = intact && result.digests[f.Path] == v.payloads[f.Path]
		}
		if intact && result.problem != "" { // else it follows from the file's damage
			v.damage(DamageContent, segmentPath(seal.Segment), "%s", result.problem)
		}
		whole = whole && intact
		for _, leaf := range result.leaves {
			t.addLeaf(leaf)
		}
		if whole && v.content() && (t.size != seal.Tree.Size || t.root() != seal.Tree.Root) {
			v.damage(DamageMerkle, sealPath(seal.Segment), "its tree has %d lines and the root %s, the index lines give %d and %s",
				seal.Tree.Size, seal.Tree.Root, t.size, t.root())
		}
		counts.Exhibits += result.counts.Exhibits
		counts.Gaps += result.counts.Gaps
		counts.Bytes += result.counts.Bytes
		v.Bytes += result.bytes
	}
	if whole && v.content() {
		v.tree(before, TreeHead{t.size, t.root()}, counts)
	}
	return read, nil
}

// tree holds the tree of the index lines, and their counts, against the checkpoint and acquisition.json.
func (v *verifier) tree(before int, head TreeHead, counts Counts) {
	if v.Acquisition.V != 0 && head != v.Acquisition.Tree {
		v.damage(DamageMerkle, acquisitionFile, "it names %d lines and the root %s, the index lines give %d and %s",
			v.Acquisition.Tree.Size, v.Acquisition.Tree.Root, head.Size, head.Root)
	}
	if text, ok := v.tagged[checkpointFile]; ok && !bytes.HasPrefix(text, []byte(checkpointText(v.opening.Bundle, head)+"\n")) {
		v.damage(DamageMerkle, checkpointFile, "it is not the checkpoint of %d lines with the root %s", head.Size,
			base64.StdEncoding.EncodeToString(head.Root[:]))
	}
	c := v.Acquisition.Counts
	if v.Acquisition.V != 0 && (c.Exhibits != counts.Exhibits || c.Gaps != counts.Gaps || c.Bytes != counts.Bytes) {
		v.damage(DamageContent, acquisitionFile, "it counts %d exhibits, %d gaps and %d bytes, the index has %d, %d and %d",
			c.Exhibits, c.Gaps, c.Bytes, counts.Exhibits, counts.Gaps, counts.Bytes)
	}
	v.check(before, "RFC 6962 tree", "%d exhibits and %d gaps against the checkpoint", counts.Exhibits, counts.Gaps)
}

func sealFiles(s Seal) []SealedFile {
	if s.Zip == nil {
		return []SealedFile{s.Index}
	}
	return []SealedFile{s.Index, *s.Zip}
}

// A segmentResult is what one segment's files gave.
type segmentResult struct {
	leaves  []tlog.Hash
	counts  Counts
	digests map[string]Digest
	bytes   int64
	problem string // the first thing in which index and archive disagree
	damaged []string
	err     error
}

// hits names the exhibits whose bytes are damaged, for the person who has to say what the damage means.
func (r *segmentResult) hits() string {
	const most = 5
	switch n := len(r.damaged); {
	case n == 0:
		return ""
	case n > most:
		return fmt.Sprintf("; hit are %s and %d more", strings.Join(r.damaged[:most], ", "), n-most)
	}
	return "; hit are " + strings.Join(r.damaged, ", ")
}

func (r *segmentResult) disagree(format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

// readSegment reads a segment's index and archive side by side, once each, from start to end, as a stream from a
// store allows. Every byte of the archive must follow from the index lines.
func (v *verifier) readSegment(ctx context.Context, seal Seal) segmentResult {
	result := segmentResult{digests: make(map[string]Digest)}
	src, present := v.src, v.present
	if !present[seal.Index.Path] || !v.content() {
		for _, file := range sealFiles(seal) {
			if present[file.Path] && result.err == nil {
				result.err = digestInto(ctx, src, file.Path, &result)
			}
		}
		return result
	}
	index, err := openHashed(ctx, src, seal.Index.Path)
	if err != nil {
		result.err = err
		return result
	}
	defer index.Close()
	var archive *hashedFile
	if seal.Zip != nil && present[seal.Zip.Path] {
		if archive, err = openHashed(ctx, src, seal.Zip.Path); err != nil {
			result.err = err
			return result
		}
		defer archive.Close()
	}
	if result.err = v.decrypt(index, archive, &result); result.err != nil {
		return result
	}
	if result.problem == "" {
		if err := compareSegment(index, archive, seal, &result); err != nil {
			result.err = err
			return result
		}
	}
	for _, f := range []*hashedFile{index, archive} {
		if f == nil {
			continue
		}
		if _, err := io.Copy(io.Discard, onlyReader{f}); err != nil {
			result.err = fmt.Errorf("reading %s: %w", f.name, err)
			return result
		}
		result.digests[f.name] = f.digest()
		result.bytes += f.n
	}
	return result
}

// decrypt puts the decryption before the files of an encrypted segment. What cannot be decrypted is damage.
func (v *verifier) decrypt(index, archive *hashedFile, result *segmentResult) error {
	if v.suffix == "" {
		return nil
	}
	for _, f := range []*hashedFile{index, archive} {
		if f == nil {
			continue
		}
		var err error
		if f.clear, err = age.Decrypt(f, v.config.Identities...); err != nil {
			if f.err != nil {
				return fmt.Errorf("reading %s: %w", f.name, f.err)
			}
			result.disagree("%s cannot be decrypted: %v", f.name, err)
		}
	}
	return nil
}

func digestInto(ctx context.Context, src BundleSource, name string, result *segmentResult) error {
	f, err := openHashed(ctx, src, name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, onlyReader{f}); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	result.digests[name] = f.digest()
	result.bytes += f.n
	return nil
}

// compareSegment reads the index line by line and the archive along with it. The error is about reading only.
func compareSegment(index, archive *hashedFile, seal Seal, result *segmentResult) error {
	lines := bufio.NewReaderSize(index.content(), 256<<10)
	var bodies *bufio.Reader
	if archive != nil {
		bodies = bufio.NewReaderSize(archive.content(), 256<<10)
	}
	var entries []zipEntry
	next, offset := seal.First, int64(0)
	names := make(map[string]bool)
	for {
		text, err := readLine(lines)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return index.failed(err, result)
		}
		if len(result.leaves) == maxEntries {
			result.disagree("%s has more lines than a segment can have", index.name)
			return nil
		}
		result.leaves = append(result.leaves, tlog.RecordHash(text))
		r, parseErr := parseLine(text)
		if err != nil || parseErr != nil || len(text) == 0 || text[len(text)-1] != '\n' {
			result.disagree("%s: line %d is not a record: %v", index.name, next-seal.First+1, errors.Join(err, parseErr))
			return nil
		}
		if r.N != next {
			result.disagree("%s: line %d has the number %d, not %d", index.name, next-seal.First+1, r.N, next)
		}
		next++
		if r.Gap != nil {
			result.counts.Gaps++
			continue
		}
		x := r.Exhibit
		result.counts.Exhibits++
		result.counts.Bytes += x.Size
		e := zipEntry{name: x.Name, offset: offset, size: uint32(x.Size)}
		if names[x.Name] || x.Segment != seal.Segment || x.Offset != e.bodyOffset() {
			result.disagree("%s is not where its line says", r.ID())
		}
		names[x.Name] = true
		if bodies != nil {
			same, err := compareBody(bodies, &e, x)
			if err != nil {
				return archive.failed(err, result)
			}
			if !same {
				result.damaged = append(result.damaged, r.ID())
				result.disagree("the bytes of %s are not those of its line", r.ID())
			}
		}
		entries = append(entries, e)
		offset = e.end()
	}
	if next != seal.Tree.Size+1 {
		result.disagree("%s has %d lines, its seal says %d", index.name, next-seal.First, seal.Tree.Size+1-seal.First)
	}
	if bodies == nil {
		if len(entries) > 0 {
			result.disagree("there is no %s", segmentPath(seal.Segment))
		}
		return nil
	}
	want := appendDirectory(nil, entries, offset)
	if rest, err := readFile(bodies, int64(len(want))); err != nil || !bytes.Equal(rest, want) {
		result.disagree("%s does not end in the directory of its exhibits", archive.name)
	}
	return nil
}

// compareBody reads one entry of the archive and says whether it is the one that the exhibit's line describes.
// It fills in the entry's CRC-32.
func compareBody(bodies *bufio.Reader, e *zipEntry, x *StoredExhibit) (bool, error) {
	header := make([]byte, zipLocalSize+len(e.name))
	if _, err := io.ReadFull(bodies, header); err != nil {
		return false, tornIsDifferent(err)
	}
	sum, crc := sha256.New(), crc32.NewIEEE()
	for left := x.Size; left > 0; {
		// What is in the buffer, as it lies there: asking for more would move it first.
		_, err := bodies.Peek(1)
		chunk, _ := bodies.Peek(int(min(left, int64(bodies.Buffered()))))
		if len(chunk) == 0 {
			return false, tornIsDifferent(err)
		}
		sum.Write(chunk)
		crc.Write(chunk)
		left -= int64(len(chunk))
		if _, err := bodies.Discard(len(chunk)); err != nil {
			return false, err
		}
	}
	e.crc = crc.Sum32()
	return Digest(sum.Sum(nil)) == x.SHA256 && bytes.Equal(header, e.appendLocal(nil)), nil
}

// tornIsDifferent lets an archive that ends too early count as damage, not as an error of reading.
func tornIsDifferent(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

var errLongLine = errors.New("it has more than 64 MiB")

// readLine reads to the next LF, and at most 64 MiB. The last line of a torn file comes without its LF.
func readLine(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := r.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case err == nil:
			return text, nil
		case err == io.EOF && len(text) > 0:
			return text, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		case len(text) > maxTagFile:
			return text, errLongLine
		}
	}
}

// A hashedFile is read from start to end and knows the digest of what was read.
type hashedFile struct {
	io.ReadCloser
	name string
	sum  interface {
		io.Writer
		Sum([]byte) []byte
	}
	n     int64
	clear io.Reader // what is in it, decrypted; nil where it is not encrypted
	err   error     // of reading the file itself
}

// content is what the file holds.
func (f *hashedFile) content() io.Reader {
	if f.clear != nil {
		return f.clear
	}
	return f
}

// failed tells an error of reading from what age finds wrong with bytes that could be read, which is damage.
func (f *hashedFile) failed(err error, result *segmentResult) error {
	if f.clear != nil && f.err == nil {
		result.disagree("%s cannot be decrypted: %v", f.name, err)
		return nil
	}
	return fmt.Errorf("reading %s: %w", f.name, err)
}

func openHashed(ctx context.Context, src BundleSource, name string) (*hashedFile, error) {
	r, err := src.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return hashed(r, name), nil
}

func hashed(r io.ReadCloser, name string) *hashedFile {
	return &hashedFile{ReadCloser: r, name: name, sum: sha256.New()}
}

func (f *hashedFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.sum.Write(p[:n])
	f.n += int64(n)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

func (f *hashedFile) digest() Digest { return Digest(f.sum.Sum(nil)) }

// extraFiles looks for what no manifest names. sig/ may hold what certifies the manifest, and nothing else.
func (v *verifier) extraFiles() error {
	before := len(v.Damage)
	names := make([]string, 0, len(v.present))
	for name := range v.present {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		_, tag := v.tagNames[name]
		_, payload := v.payloads[name]
		if !tag && !payload && name != tagManifestFile && !certificate(name) {
			v.damage(DamageExtra, name, "no manifest names it")
		}
	}
	v.check(before, "listing", "%d files, none added", len(names))
	return nil
}

// certificate says whether a name is one that sig/ may hold.
func certificate(name string) bool {
	base, ok := strings.CutPrefix(name, sigDir+"/")
	if !ok || strings.Contains(base, "/") {
		return false
	}
	switch name {
	case signatureFile, signersFile, signerKeyFile, verifierKeyFile:
		return true
	}
	if signatureName(base) {
		return true
	}
	of, rest, ok := splitStamp(base)
	switch {
	case !ok:
		return false
	case rest == "":
		return strings.HasPrefix(of, sigDir) // the manifest of a renewal
	}
	return strings.HasSuffix(rest, ".tsr") || strings.HasSuffix(rest, ".pem") || revocationOf(rest) != ""
}

// signature holds the signatures of the manifest and of the checkpoint against the key that the opening names.
func (v *verifier) signature() error {
	before := len(v.Damage)
	armored, ok, err := v.read(signatureFile, maxSigFile)
	if err != nil || !ok {
		return err
	}
	signer, err := signature.Verify(bytes.NewReader(v.manifest), armored, signature.Namespace)
	if err != nil {
		v.damage(DamageSignature, signatureFile, "%v", err)
		v.check(before, "ssh-keygen -Y format", "signature of %s", tagManifestFile)
		return nil
	}
	if signer.Fingerprint != v.opening.Signer {
		v.damage(DamageSignature, signatureFile, "it is of the key %s, the bundle was opened for %s", signer.Fingerprint, v.opening.Signer)
	}
	if v.config.Signer != "" && signer.Fingerprint != v.config.Signer {
		v.damage(DamageSignature, signatureFile, "it is of the key %s, you expect %s", signer.Fingerprint, v.config.Signer)
	}
	vkey, err := note.NewEd25519VerifierKey(checkpointOrigin(v.opening.Bundle), signer.PublicKey)
	if err != nil {
		return err
	}
	if text, ok := v.tagged[checkpointFile]; ok {
		if err := openCheckpoint(text, vkey); err != nil {
			v.damage(DamageSignature, checkpointFile, "%v", err)
		}
	}
	key, err := ssh.NewPublicKey(signer.PublicKey)
	if err != nil {
		return err
	}
	authorized := string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)))
	for _, file := range []struct{ name, has string }{{signerKeyFile, authorized}, {signersFile, authorized}, {verifierKeyFile, vkey + "\n"}} {
		data, ok, err := v.read(file.name, maxSigFile)
		if err != nil {
			return err
		}
		if ok && !strings.Contains(string(data), file.has) {
			v.damage(DamageSignature, file.name, "it does not have the key that signed")
		}
	}
	if len(v.Damage) == before {
		v.Signer = signer.Fingerprint
	}
	v.check(before, "ssh-keygen -Y format, Ed25519", "%s and %s are signed by %s", tagManifestFile, checkpointFile, signer.Fingerprint)
	return nil
}

// openCheckpoint checks a checkpoint's signature.
func openCheckpoint(text []byte, vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	_, err = note.Open(text, note.VerifierList(verifier))
	return err
}

// timestamps holds every time-stamp against the file that it stamps, and what was kept with it against its certificates.
func (v *verifier) timestamps() error {
	var names []string
	for name := range v.present {
		if certificate(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	before, found, kept := len(v.Damage), 0, 0
	for _, name := range names {
		if base := revocationOf(name); base != "" {
			kept++
			if !v.present[base+".tsr"] {
				v.damage(DamageMissing, base+".tsr", "it is not there, and %s belongs to it", name)
			}
		}
		if strings.HasSuffix(name, ".tsr") {
			found++
			if err := v.timestamp(name, names); err != nil {
				return err
			}
		}
	}
	if found > 0 {
		v.check(before, "RFC 3161", "%d timestamps against the files that they stamp", found)
	}
	if kept > 0 {
		v.check(before, "RFC 5280, RFC 6960", "%d files that tell whether their certificates were revoked", kept)
	}
	return v.renewals(names)
}

// timestamp checks one time-stamp.
func (v *verifier) timestamp(name string, names []string) error {
	of, _, _ := splitStamp(path.Base(name))
	data := v.manifest
	if of != tagManifestFile {
		data = v.tagged[of]
	}
	if strings.HasPrefix(of, sigDir) {
		var ok bool
		var err error
		if data, ok, err = v.read(of, maxTagFile); err != nil || !ok {
			return err
		}
	}
	tsr, _, err := v.read(name, maxSigFile)
	if err != nil {
		return err
	}
	info, err := verifyStamp(tsr, v.stamped(of, data), v.config.Roots)
	switch {
	case errors.Is(err, timestamp.ErrOtherData):
		v.damage(DamageOtherData, name, "it does not stamp this %s", of)
		return nil
	case err != nil:
		v.damage(DamageTimestamp, name, "%v", err)
		return nil
	}
	statuses, err := v.revocation(strings.TrimSuffix(name, ".tsr"), names, info)
	if err != nil {
		return err
	}
	for _, s := range statuses {
		if remark := s.Remark(); remark != "" {
			info.Remarks = append(info.Remarks, remark)
		}
	}
	v.Timestamps = append(v.Timestamps, Timestamp{Name: name, Of: of, Time: info.GenTime, Authority: info.Subject, Trusted: info.Trusted,
		Local: info.Local, Qualified: info.Qualified, Standing: info.Standing(), Remarks: info.Remarks, Revocation: statuses})
	return nil
}

// revocation checks the CRLs and OCSP responses that were kept beside a time-stamp.
func (v *verifier) revocation(base string, names []string, info timestamp.Info) ([]timestamp.Status, error) {
	var chain []*x509.Certificate
	if v.present[base+".pem"] {
		data, _, err := v.read(base+".pem", maxSigFile)
		if err != nil {
			return nil, err
		}
		chain = certificates(data)
	}
	var statuses []timestamp.Status
	check := func(name string, data []byte, by func([]byte, timestamp.Info, []*x509.Certificate) (timestamp.Status, error)) {
		status, err := by(data, info, chain)
		if err != nil {
			v.damage(DamageTimestamp, name, "%v", err)
			return
		}
		statuses = append(statuses, status)
	}
	for _, name := range names {
		if revocationOf(name) != base {
			continue
		}
		data, _, err := v.read(name, maxSigFile)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(name, ".ocsp") {
			check(name, data, timestamp.CheckOCSP)
			continue
		}
		crls, err := parseCRLs(data)
		if err != nil {
			v.damage(DamageMalformed, name, "%v", err)
		}
		for _, crl := range crls {
			check(name, crl, timestamp.CheckCRL)
		}
	}
	return statuses, nil
}

// parseCRLs reads a .crl.pem file, and refuses any form but that in which it was written.
func parseCRLs(data []byte) ([][]byte, error) {
	const most = 16
	var crls [][]byte
	var again []byte
	for block, rest := pem.Decode(data); block != nil && len(crls) < most; block, rest = pem.Decode(rest) {
		crls = append(crls, block.Bytes)
		again = append(again, pem.EncodeToMemory(&pem.Block{Type: crlBlock, Bytes: block.Bytes})...)
	}
	if len(crls) == 0 || !bytes.Equal(again, data) {
		return nil, errors.New("it is not made up of PEM blocks with CRLs")
	}
	return crls, nil
}

// renewals holds the manifest of every renewal against what it certifies.
func (v *verifier) renewals(names []string) error {
	before, found, unstamped := len(v.Damage), 0, 0
	for _, name := range names {
		of, rest, _ := splitStamp(path.Base(name))
		if rest != "" || !strings.HasPrefix(of, sigDir) {
			continue
		}
		found++
		if want := renewalName(found); name != want {
			v.damage(DamageMissing, want, "it is not there, and %s follows it", name)
			found++
		}
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, name+".") && strings.HasSuffix(n, ".tsr") }) {
			unstamped++
		}
		if err := v.renewal(name); err != nil {
			return err
		}
	}
	if found > 0 {
		v.check(before, "SHA-256", "%d renewals (%d of them without a timestamp): what they name is what it was", found, unstamped)
	}
	return nil
}

func (v *verifier) renewal(name string) error {
	data, _, err := v.read(name, maxTagFile)
	if err != nil {
		return err
	}
	lines, err := parseManifest(data)
	if err != nil {
		v.damage(DamageMalformed, name, "%v", err)
		return nil
	}
	whole := false
	for _, l := range lines {
		got := Digest(sha256.Sum256(v.manifest))
		switch {
		case l.name == tagManifestFile:
			whole = true
		case !certificate(l.name) || l.name == name:
			v.damage(DamageMalformed, name, "it names %s, which does not certify the bundle", l.name)
			continue
		case !v.present[l.name]:
			v.damage(DamageDigest, l.name, "it is not there, %s names it", name)
			continue
		default:
			if got, err = v.digest(l.name); err != nil {
				return err
			}
		}
		if got != l.digest {
			v.damage(DamageDigest, l.name, "SHA-256 is %s, when it was renewed (%s) it was %s", got, name, l.digest)
		}
	}
	if !whole {
		v.damage(DamageMalformed, name, "it does not name %s", tagManifestFile)
	}
	return nil
}
