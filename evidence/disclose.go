package evidence

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names in a disclosed bag, beside those that every bag has.
const (
	disclosureFile  = "disclosure.json"
	originalDir     = "original"
	disclosedIndex  = "data/index/000001.jsonl"
	bodiesFile      = "data/bodies.tsv"
	proofsDir       = "data/proofs"
	proofSuffix     = ".tlog-proof"
	proofScriptFile = "verify-proof.sh"
)

//go:embed texts/DISCLOSED.txt
var disclosedText []byte

//go:embed texts/DISCLOSED-FR.txt
var disclosedTextFR []byte

//go:embed texts/disclosed-verify.sh
var disclosedScript []byte

//go:embed texts/verify-proof.sh
var proofScript []byte

// A Disclosure is disclosure.json of a disclosed bag: who gave what to whom, when, why, and by what rule it was chosen.
// Of what was left out it holds two counts and nothing else.
type Disclosure struct {
	V           int       `json:"v"`
	Bundle      string    `json:"bundle"`             // the ULID of the bundle that it was taken from
	TagManifest Digest    `json:"tagmanifest_sha256"` // of that bundle
	Signer      string    `json:"signer"`             // fingerprint of the key that sealed that bundle
	DisclosedAt time.Time `json:"disclosed_at"`
	By          Person    `json:"by"`
	To          string    `json:"to"`
	Reason      string    `json:"reason"`
	Tool        Tool      `json:"tool"`
	Rule        []string  `json:"rule"`    // how the records were chosen, as it was typed
	Records     []string  `json:"records"` // P-000042, G-000043, in the bundle's order

	// LeftOut is how many of the bundle's records are not here. PersonalLeftOut of them were chosen by Rule and are left
	// out because whoever wrote or filed them marked them personal, unless PersonalIncluded.
	LeftOut          int64 `json:"left_out"`
	PersonalLeftOut  int64 `json:"personal_left_out"`
	PersonalIncluded bool  `json:"personal_included"`
}

// A DisclosureConfig says what is to be disclosed, and what disclosure.json is to say of it.
type DisclosureConfig struct {
	Numbers []int64 // of the records; at least one
	By      Person
	To      string
	Reason  string
	Tool    Tool
	Rule    []string
	At      time.Time

	PersonalLeftOut  int64
	PersonalIncluded bool

	// WithOpening adds opening.json: the accounts, the operator, the mandate, the options.
	WithOpening bool
	// WithManifest adds manifest-sha256.txt. Its digests of files that hold undisclosed things are not salted: who knows
	// all else of such a file can try out guesses of the rest against them.
	WithManifest bool
}

// A Disclosed is a disclosed bag that was written.
type Disclosed struct {
	Disclosure
	Bag   Digest // SHA-256 of the disclosed bag's own tagmanifest-sha256.txt
	Bytes int64  // of the bodies in it
}

// Disclose writes a small bag with some of the bundle's exhibits and gaps into the new folder dir: the bodies, the
// index lines byte for byte, for each a proof that its line is a leaf under the signed checkpoint, and the bundle's
// checkpoint, tag manifest, signatures and timestamps. A folder that is there already is refused with an error that
// wraps fs.ErrExist, and a run that fails leaves none.
//
// All index lines are read once, and only hashes on the audit paths are kept. If they do not give the root of the
// checkpoint, or a body is not what was sealed, nothing is disclosed.
func (b *Bundle) Disclose(dir string, config DisclosureConfig) (*Disclosed, error) {
	if len(config.Numbers) == 0 {
		return nil, errors.New("nothing was chosen to be disclosed")
	}
	if _, err := os.Lstat(dir); err == nil {
		return nil, &fs.PathError{Op: "create", Path: dir, Err: fs.ErrExist}
	}
	draft := filepath.Clean(dir) + partSuffix
	if err := os.Mkdir(draft, 0o700); err != nil {
		return nil, err
	}
	d := &discloser{bundle: b, dir: draft, config: config}
	if err := d.write(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(draft))
	}
	protect(draft)
	if err := (disk{}).moveFile(draft, filepath.Clean(dir)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(draft))
	}
	return &d.result, nil
}

// A discloser writes one disclosed bag.
type discloser struct {
	bundle *Bundle
	dir    string
	config DisclosureConfig
	result Disclosed

	checkpoint []byte
	payload    []manifestLine
	tags       []manifestLine
	size       int64 // of the payload, in bytes
}

func (d *discloser) write() error {
	for _, sub := range []string{"data", segmentsDir, indexDir, proofsDir, originalDir, originalDir + "/" + sigDir} {
		if err := os.Mkdir(filepath.Join(d.dir, filepath.FromSlash(sub)), 0o700); err != nil {
			return err
		}
	}
	for _, step := range []func() error{d.originals, d.records, d.describe} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// originals copies what certifies the bundle.
func (d *discloser) originals() error {
	manifest, err := os.ReadFile(filepath.Join(d.bundle.dir, tagManifestFile))
	if err != nil {
		return err
	}
	if Digest(sha256.Sum256(manifest)) != d.bundle.TagManifest {
		return fmt.Errorf("%s changed while it was read", tagManifestFile)
	}
	lines, err := parseManifest(manifest)
	if err != nil {
		return fmt.Errorf("reading %s: %w", tagManifestFile, err)
	}
	if err := d.tag(originalDir+"/"+tagManifestFile, manifest); err != nil {
		return err
	}
	names := []string{checkpointFile}
	if d.config.WithManifest {
		names = append(names, manifestFile)
	}
	if d.config.WithOpening {
		names = append(names, openingFile)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(d.bundle.dir, name))
		if err != nil {
			return err
		}
		if !slices.Contains(lines, manifestLine{sha256.Sum256(data), name}) {
			return fmt.Errorf("%s is not the one that was sealed: run mbaudit verify", name)
		}
		if name == checkpointFile {
			d.checkpoint = data
		}
		if err := d.tag(originalDir+"/"+name, data); err != nil {
			return err
		}
	}
	return d.certificates()
}

// certificates copies the bundle's sig/. A timestamp of the opening tells no more of it than the tag manifest does.
func (d *discloser) certificates() error {
	entries, err := os.ReadDir(filepath.Join(d.bundle.dir, sigDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := sigDir + "/" + e.Name()
		if !certificate(name) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(d.bundle.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := d.tag(originalDir+"/"+name, data); err != nil {
			return err
		}
	}
	return nil
}

// records copies the chosen lines and bodies, and proves the lines.
func (d *discloser) records() error {
	_, head, err := parseCheckpoint(d.checkpoint)
	if err != nil {
		return fmt.Errorf("reading %s: %w", checkpointFile, err)
	}
	numbers := slices.Clone(d.config.Numbers)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	p, err := newProver(head.Size, numbers)
	if err != nil {
		return err
	}
	var index, bodies bytes.Buffer
	var records []Record
	var failed error
	left := numbers
	d.bundle.lines(func(r Record, text []byte, err error) bool {
		if failed = err; err != nil {
			return false
		}
		p.add(text)
		if len(left) > 0 && r.N == left[0] {
			left = left[1:]
			index.Write(text)
			records = append(records, r)
		}
		return true
	})
	if failed != nil {
		return failed
	}
	if (TreeHead{p.size, p.root()}) != head || len(left) > 0 {
		return errors.New("the index is not the one that was sealed: run mbaudit verify")
	}
	if err := d.bodies(records, &bodies); err != nil {
		return err
	}
	for _, r := range records {
		proof, err := p.prove(r.N)
		if err != nil {
			return err
		}
		if err := d.payloadFile(proofPath(r), formatProof(r.N, proof, d.checkpoint)); err != nil {
			return err
		}
		d.result.Records = append(d.result.Records, r.ID())
	}
	d.result.LeftOut = head.Size - int64(len(records))
	return errors.Join(d.payloadFile(disclosedIndex, index.Bytes()), d.payloadFile(bodiesFile, bodies.Bytes()))
}

func proofPath(r Record) string { return proofsDir + "/" + r.ID() + proofSuffix }

// bodyRow is the line of data/bodies.tsv that says where an exhibit's body is in the disclosed bag. Where it was in the
// bundle is in its index line, which does not change.
func bodyRow(id, segment string, offset, size int64) string {
	return fmt.Sprintf("%s\t%s\t%d\t%d\n", id, segment, offset, size)
}

// bodies writes the segments, of the same form as the bundle's, and the table of what is where.
func (d *discloser) bodies(records []Record, table *bytes.Buffer) error {
	var a *archive
	number := 0
	for _, r := range records {
		x := r.Exhibit
		if x == nil {
			continue
		}
		if a != nil && (a.offset >= SegmentSize || len(a.entries) >= maxEntries || a.names[x.Name]) {
			if err := d.endArchive(a); err != nil {
				return err
			}
			a = nil
		}
		if a == nil {
			number++
			var err error
			if a, err = createArchive(d.dir, segmentPath(number)); err != nil {
				return err
			}
		}
		offset, err := a.add(x, func() (io.Reader, error) { return d.bundle.Body(x) })
		if err != nil {
			return errors.Join(fmt.Errorf("copying %s: %w", r.ID(), err), a.file.Close())
		}
		table.WriteString(bodyRow(r.ID(), a.name, offset, x.Size))
		d.result.Bytes += x.Size
	}
	if a == nil {
		return nil
	}
	return d.endArchive(a)
}

func (d *discloser) endArchive(a *archive) error {
	if err := a.end(); err != nil {
		return err
	}
	file, err := digestPath(d.dir, a.name)
	d.payload = append(d.payload, manifestLine{file.SHA256, file.Path})
	d.size += file.Size
	return err
}

// describe writes disclosure.json, the instructions and the manifests.
func (d *discloser) describe() error {
	c := d.config
	records, leftOut := d.result.Records, d.result.LeftOut
	d.result.Disclosure = Disclosure{V: formatVersion, Bundle: d.bundle.Opening.Bundle, TagManifest: d.bundle.TagManifest, Signer: d.bundle.Opening.Signer,
		DisclosedAt: c.At.UTC().Truncate(time.Millisecond), By: c.By, To: c.To, Reason: c.Reason, Tool: c.Tool, Rule: c.Rule, Records: records,
		LeftOut: leftOut, PersonalLeftOut: c.PersonalLeftOut, PersonalIncluded: c.PersonalIncluded}
	doc, err := marshalDocument(d.result.Disclosure)
	if err != nil {
		return err
	}
	payload := formatManifest(d.payload)
	for _, file := range []struct {
		name string
		data []byte
	}{
		{bagItFile, []byte(bagItDeclaration)},
		{bagInfoFile, fmt.Appendf(nil, "Bagging-Date: %s\nBag-Software-Agent: mbaudit %s\nExternal-Description: exhibits disclosed from a sealed bundle\nExternal-Identifier: %s\nPayload-Oxum: %d.%d\n",
			d.result.DisclosedAt.Format(time.DateOnly), c.Tool.Version, d.result.Bundle, d.size, len(d.payload))},
		{disclosureFile, doc},
		{"VERIFY.txt", disclosedText},
		{"LISEZMOI.txt", disclosedTextFR},
		{"verify.sh", disclosedScript},
		{proofScriptFile, proofScript},
		{manifestFile, payload},
	} {
		if err := d.tag(file.name, file.data); err != nil {
			return err
		}
	}
	tags := formatManifest(d.tags)
	d.result.Bag = sha256.Sum256(tags)
	return createFile(filepath.Join(d.dir, tagManifestFile), tags)
}

// tag writes a file that the tag manifest is to name.
func (d *discloser) tag(name string, data []byte) error {
	d.tags = append(d.tags, manifestLine{sha256.Sum256(data), name})
	return createFile(filepath.Join(d.dir, filepath.FromSlash(name)), data)
}

// payloadFile writes a file that the manifest is to name.
func (d *discloser) payloadFile(name string, data []byte) error {
	d.payload = append(d.payload, manifestLine{sha256.Sum256(data), name})
	d.size += int64(len(data))
	return createFile(filepath.Join(d.dir, filepath.FromSlash(name)), data)
}

// An archive is a segment whose bodies can be read twice, so that it is written from start to end.
type archive struct {
	name    string
	file    *os.File
	offset  int64
	entries []zipEntry
	names   map[string]bool
}

func createArchive(dir, name string) (*archive, error) {
	f, err := os.OpenFile(filepath.Join(dir, filepath.FromSlash(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &archive{name: name, file: f, names: make(map[string]bool)}, nil
}

// add copies an exhibit's body and returns where it begins. open gives the body, twice, and checks its digest.
func (a *archive) add(x *StoredExhibit, open func() (io.Reader, error)) (int64, error) {
	e := zipEntry{name: x.Name, offset: a.offset, size: uint32(x.Size)}
	body, err := open()
	if err != nil {
		return 0, err
	}
	crc := crc32.NewIEEE()
	if _, err := io.Copy(crc, body); err != nil {
		return 0, err
	}
	e.crc = binary.BigEndian.Uint32(crc.Sum(nil))
	if _, err := a.file.Write(e.appendLocal(nil)); err != nil {
		return 0, err
	}
	if body, err = open(); err != nil {
		return 0, err
	}
	if _, err := io.Copy(a.file, body); err != nil {
		return 0, err
	}
	a.entries, a.names[x.Name], a.offset = append(a.entries, e), true, e.end()
	return e.bodyOffset(), nil
}

func (a *archive) end() error {
	return writeSyncClose(a.file, appendDirectory(nil, a.entries, a.offset))
}
