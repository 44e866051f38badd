package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
)

// disclosed says whether this is a disclosed bag. In a bundle a file of the disclosure's name is one that was added.
func (v *verifier) disclosed() bool {
	return v.present[disclosureFile] && !(v.present[openingFile] && v.present[acquisitionFile])
}

// mandatory are the tag files that a bag must have.
func (v *verifier) mandatory() []string {
	if v.disclosed() {
		return []string{bagItFile, bagInfoFile, manifestFile, disclosureFile, originalDir + "/" + tagManifestFile, originalDir + "/" + checkpointFile,
			originalDir + "/" + signatureFile}
	}
	return []string{bagItFile, bagInfoFile, manifestFile, acquisitionFile, openingFile, checkpointFile}
}

// verifyDisclosed re-reads a disclosed bag and follows the chain from each body to the bundle's signature: the body has
// the digest of its index line, the line is a leaf under the checkpoint, the checkpoint is named in the bundle's tag
// manifest, and that is signed and timestamped.
func (v *verifier) verifyDisclosed() (*Verification, error) {
	if !v.present[tagManifestFile] {
		v.damage(DamageNotSealed, tagManifestFile, "the disclosure was not finished")
		return &v.Verification, nil
	}
	d := &disclosedVerifier{verifier: v}
	for _, step := range []func() error{v.tagFiles, d.document, d.originals, d.payload, d.extraFiles, d.certificates} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &v.Verification, nil
}

type disclosedVerifier struct {
	*verifier
	disclosure    Disclosure
	original      []byte // the bundle's tagmanifest-sha256.txt
	originalLines []manifestLine
	checkpoint    []byte
	bundle        string // as the checkpoint names it
	head          TreeHead
}

// document reads disclosure.json.
func (d *disclosedVerifier) document() error {
	data, ok := d.tagged[disclosureFile]
	if !ok {
		return nil
	}
	if err := parseDocument(data, &d.disclosure); err != nil {
		d.damage(DamageMalformed, disclosureFile, "%v", err)
		d.disclosure = Disclosure{}
		return nil
	}
	d.Disclosure = &d.disclosure
	return nil
}

// originals holds the files of the bundle that are here against the bundle's own tag manifest.
func (d *disclosedVerifier) originals() error {
	before := len(d.Damage)
	d.original = d.tagged[originalDir+"/"+tagManifestFile]
	d.TagManifest = sha256.Sum256(d.original)
	if d.disclosure.V != 0 && d.disclosure.TagManifest != d.TagManifest {
		d.damage(DamageContent, disclosureFile, "it speaks of a bundle with the SHA-256 %s, %s/%s has %s", d.disclosure.TagManifest, originalDir, tagManifestFile, d.TagManifest)
	}
	lines, err := parseManifest(d.original)
	if err != nil {
		d.damage(DamageMalformed, originalDir+"/"+tagManifestFile, "%v", err)
	}
	d.originalLines = lines
	for _, name := range []string{checkpointFile, openingFile, manifestFile} {
		data, here := d.tagged[originalDir+"/"+name]
		if here && !slices.Contains(lines, manifestLine{sha256.Sum256(data), name}) {
			d.damage(DamageDigest, originalDir+"/"+name, "it is not the one that %s/%s names", originalDir, tagManifestFile)
		}
	}
	d.checkpoint = d.tagged[originalDir+"/"+checkpointFile]
	if d.checkpoint != nil {
		if d.bundle, d.head, err = parseCheckpoint(d.checkpoint); err != nil {
			d.damage(DamageMalformed, originalDir+"/"+checkpointFile, "%v", err)
			d.checkpoint = nil
		}
	}
	if d.checkpoint != nil && d.disclosure.V != 0 && d.disclosure.Bundle != d.bundle {
		d.damage(DamageContent, disclosureFile, "it speaks of the bundle %s, the checkpoint is of %s", d.disclosure.Bundle, d.bundle)
	}
	d.check(before, "SHA-256", "the bundle's checkpoint against the bundle's %s", tagManifestFile)
	return nil
}

// payload reads every payload file, and the records one by one.
func (d *disclosedVerifier) payload() error {
	before := len(d.Damage)
	lines, err := parseManifest(d.tagged[manifestFile])
	if err != nil {
		d.damage(DamageMalformed, manifestFile, "%v", err)
	}
	d.payloads = make(map[string]Digest, len(lines))
	intact := true // what does not have its digest is not looked into: all else would follow from that
	for _, l := range lines {
		d.payloads[l.name] = l.digest
		if !d.present[l.name] {
			d.damage(DamageMissing, l.name, "it is not there")
			intact = false
			continue
		}
		got, err := d.digest(l.name)
		if err != nil {
			return err
		}
		if got != l.digest {
			d.damage(DamageDigest, l.name, "SHA-256 is %s, disclosed was %s", got, l.digest)
			intact = false
		}
	}
	for _, name := range []string{disclosedIndex, bodiesFile} {
		if _, named := d.payloads[name]; !named && d.tagged[manifestFile] != nil {
			d.damage(DamageMalformed, manifestFile, "it does not name %s", name)
			intact = false
		}
	}
	d.check(before, "SHA-256", "%d payload files against %s", len(lines), manifestFile)
	if !intact || d.checkpoint == nil || d.disclosure.V == 0 {
		return nil
	}
	return d.records()
}

// records goes through the index lines, and with them through the table of bodies, the segments and the proofs.
func (d *disclosedVerifier) records() error {
	before := len(d.Damage)
	index, err := d.src.Open(d.ctx, disclosedIndex)
	if err != nil {
		return fmt.Errorf("reading %s: %w", disclosedIndex, err)
	}
	defer index.Close()
	table, err := d.src.Open(d.ctx, bodiesFile)
	if err != nil {
		return fmt.Errorf("reading %s: %w", bodiesFile, err)
	}
	defer table.Close()
	w := &disclosedWalk{disclosedVerifier: d, rows: bufio.NewReader(table), seen: make(map[string]bool)}
	defer w.closeSegment()
	lines := bufio.NewReaderSize(index, 256<<10)
	for n := 0; ; n++ {
		text, err := readLine(lines)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return fmt.Errorf("reading %s: %w", disclosedIndex, err)
		}
		r, parseErr := parseLine(text)
		if err != nil || parseErr != nil || text[len(text)-1] != '\n' {
			d.damage(DamageMalformed, disclosedIndex, "line %d is not a record: %v", n+1, errors.Join(err, parseErr))
			return nil
		}
		if n >= len(d.disclosure.Records) || d.disclosure.Records[n] != r.ID() || r.N <= w.last {
			d.damage(DamageContent, disclosedIndex, "line %d is %s, which %s does not name there", n+1, r.ID(), disclosureFile)
			return nil
		}
		w.last = r.N
		if err := w.record(r, text); err != nil {
			return err
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	if got := len(w.seen); got != len(d.disclosure.Records) {
		d.damage(DamageContent, disclosedIndex, "it has %d lines, %s names %d records", got, disclosureFile, len(d.disclosure.Records))
	}
	if d.disclosure.LeftOut != d.head.Size-int64(len(w.seen)) {
		d.damage(DamageContent, disclosureFile, "it says that %d records were left out; of %d, %d are here", d.disclosure.LeftOut, d.head.Size, len(w.seen))
	}
	d.check(before, "RFC 6962 proofs, SHA-256", "%d records are in the sealed bundle, with the bytes that were sealed", len(w.seen))
	return nil
}

// A disclosedWalk is where the reading of the records has come to.
type disclosedWalk struct {
	*disclosedVerifier
	rows    *bufio.Reader   // data/bodies.tsv
	last    int64           // number of the last record
	seen    map[string]bool // proofs that were read
	number  int             // of the segment that is open
	file    io.ReadCloser
	bodies  *bufio.Reader
	entries []zipEntry
	offset  int64
	broken  bool // the segments and the table do not agree, and this was said
}

func (w *disclosedWalk) closeSegment() {
	if w.file != nil {
		_ = w.file.Close() // it was only read
		w.file = nil
	}
}

func (w *disclosedWalk) disagree(name, format string, args ...any) {
	if !w.broken {
		w.damage(DamageContent, name, format, args...)
	}
	w.broken = true
}

// record holds a line against its proof and, of an exhibit, the body against the line.
func (w *disclosedWalk) record(r Record, text []byte) error {
	name := proofPath(r)
	w.seen[name] = true
	if _, named := w.payloads[name]; !named {
		w.damage(DamageMissing, name, "%s names no proof of %s", manifestFile, r.ID())
	} else if err := w.proof(name, r, text); err != nil {
		return err
	}
	if r.Exhibit == nil || w.broken {
		return nil
	}
	return w.body(r)
}

func (w *disclosedWalk) proof(name string, r Record, text []byte) error {
	data, ok, err := w.read(name, maxSigFile)
	if err != nil || !ok {
		return err
	}
	n, proof, checkpoint, err := parseProof(data)
	switch {
	case err != nil:
		w.damage(DamageMalformed, name, "%v", err)
	case n != r.N || !bytes.Equal(checkpoint, w.checkpoint):
		w.damage(DamageMerkle, name, "it is not a proof of %s under %s/%s", r.ID(), originalDir, checkpointFile)
	case !inTree(proof, w.head, r.N, text):
		w.damage(DamageMerkle, name, "the line of %s is not in the sealed bundle", r.ID())
	}
	return nil
}

// body holds the next body in the segments against an exhibit's line.
func (w *disclosedWalk) body(r Record) error {
	x := r.Exhibit
	row, err := w.rows.ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading %s: %w", bodiesFile, err)
	}
	if w.file == nil || strings.HasPrefix(row, r.ID()+"\t"+segmentPath(w.number+1)+"\t") {
		if err := w.nextSegment(); err != nil || w.broken {
			return err
		}
	}
	e := zipEntry{name: x.Name, offset: w.offset, size: uint32(x.Size)}
	if row != bodyRow(r.ID(), segmentPath(w.number), e.bodyOffset(), x.Size) {
		w.disagree(bodiesFile, "it does not say where %s is", r.ID())
		return nil
	}
	same, err := compareBody(w.bodies, &e, x)
	if err != nil {
		return fmt.Errorf("reading %s: %w", segmentPath(w.number), err)
	}
	if !same {
		w.disagree(segmentPath(w.number), "the bytes of %s are not those of its line", r.ID())
		return nil
	}
	w.entries, w.offset = append(w.entries, e), e.end()
	return nil
}

// nextSegment ends the segment that is open and opens the next one.
func (w *disclosedWalk) nextSegment() error {
	if err := w.endSegment(); err != nil || w.broken {
		return err
	}
	w.number++
	name := segmentPath(w.number)
	if _, named := w.payloads[name]; !named {
		w.disagree(manifestFile, "it does not name %s", name)
		return nil
	}
	f, err := w.src.Open(w.ctx, name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	w.file, w.bodies, w.entries, w.offset = f, bufio.NewReaderSize(f, 256<<10), nil, 0
	return nil
}

// endSegment wants the open segment to end in the directory of its exhibits.
func (w *disclosedWalk) endSegment() error {
	if w.file == nil || w.broken {
		return nil
	}
	want := appendDirectory(nil, w.entries, w.offset)
	if rest, err := readFile(w.bodies, int64(len(want))); err != nil || !bytes.Equal(rest, want) {
		w.disagree(segmentPath(w.number), "it does not end in the directory of its exhibits")
	}
	w.closeSegment()
	return nil
}

// end looks for what no line accounts for.
func (w *disclosedWalk) end() error {
	if err := w.endSegment(); err != nil || w.broken {
		return err
	}
	if row, err := w.rows.ReadString('\n'); err != io.EOF || row != "" {
		w.disagree(bodiesFile, "it has more rows than there are exhibits")
	}
	for name := range w.payloads {
		if name == disclosedIndex || name == bodiesFile || w.seen[name] {
			continue
		}
		number := 0
		if _, err := fmt.Sscanf(name, segmentsDir+"/%06d.zip", &number); err == nil && number <= w.number && name == segmentPath(number) {
			continue
		}
		w.damage(DamageContent, name, "it belongs to none of the records")
	}
	return nil
}

// extraFiles looks for what no manifest names.
func (d *disclosedVerifier) extraFiles() error {
	before := len(d.Damage)
	for _, name := range slices.Sorted(maps.Keys(d.present)) {
		_, tag := d.tagNames[name]
		_, payload := d.payloads[name]
		if !tag && !payload && name != tagManifestFile {
			d.damage(DamageExtra, name, "no manifest names it")
		}
	}
	d.check(before, "listing", "%d files, none added", len(d.present))
	return nil
}

// certificates holds the bundle's signatures and timestamps against the bundle's tag manifest and checkpoint, by the
// same steps as in the bundle itself.
func (d *disclosedVerifier) certificates() error {
	if d.original == nil {
		return nil
	}
	inner := &verifier{Verification: Verification{TagManifest: d.TagManifest}, ctx: d.ctx, src: originalSource{d.src}, config: d.config, present: make(map[string]bool), manifest: d.original,
		tagged: make(map[string][]byte), opening: Opening{Bundle: d.bundle, Signer: d.disclosure.Signer}}
	for name := range d.present {
		if rest, found := strings.CutPrefix(name, originalDir+"/"); found {
			inner.present[rest] = true
		}
	}
	// An opening that is not disclosed has its digest in the tag manifest; its timestamps are checked against that.
	inner.tagNames = make(map[string]Digest)
	for _, l := range d.originalLines {
		inner.tagNames[l.name] = l.digest
	}
	for name, data := range d.tagged {
		if rest, found := strings.CutPrefix(name, originalDir+"/"); found {
			inner.tagged[rest] = data
		}
	}
	if data, here := inner.tagged[openingFile]; here {
		if err := parseDocument(data, &inner.opening); err != nil {
			d.damage(DamageMalformed, originalDir+"/"+openingFile, "%v", err)
		}
	}
	for _, step := range []func() error{inner.signature, inner.timestamps, inner.otherSignatures} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, found := range inner.Damage {
		found.Name = originalDir + "/" + found.Name
		d.Damage = append(d.Damage, found)
	}
	d.Checks = append(d.Checks, inner.Checks...)
	d.Signer, d.Timestamps, d.Bytes = inner.Signer, inner.Timestamps, d.Bytes+inner.Bytes
	d.Minisign, d.Certificate = inner.Minisign, inner.Certificate
	return nil
}

// stamped is the digest of a file that a time-stamp stamps: the file's, or the one that the tag manifest names where the
// file itself is not there.
func (v *verifier) stamped(of string, data []byte) Digest {
	if digest, named := v.tagNames[of]; named && data == nil {
		return digest
	}
	return sha256.Sum256(data)
}

// An originalSource gives a bundle's own files out of a disclosed bag.
type originalSource struct{ src BundleSource }

func (o originalSource) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	return o.src.Open(ctx, originalDir+"/"+name)
}

func (o originalSource) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range o.src.Names(ctx) {
			rest, found := strings.CutPrefix(name, originalDir+"/")
			if (found || err != nil) && !yield(rest, err) {
				return
			}
		}
	}
}
