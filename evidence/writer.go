package evidence

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// SegmentSize is how many bytes a segment has before it is sealed and the next one begins, unless WriterConfig says
// otherwise. The exhibit that passes this size stays whole in its segment.
const SegmentSize = 64 << 20

// A WriterConfig holds what a Writer may be told. The zero value is ready to use.
type WriterConfig struct {
	SegmentSize int64            // in bytes; 0 means SegmentSize
	Now         func() time.Time // the clock; nil means time.Now

	// Sealed hears of files that will not change any more, each time a segment is sealed: its archive, its index, its
	// seal. It is called while the next segment fills, and the segment after that waits for it to return; nil hears
	// nothing.
	Sealed func(files []SealedFile)

	disk     disk // for tests of what fails
	accounts int  // how many the ledger holds in memory; 0 means accountsInMemory
}

// A Writer makes one bundle: Create or Resume, then Put, Gap and Expect as often as there is something to keep, then
// Seal, or Close to go on another day. It is safe for use by several goroutines; one exhibit is kept at a time.
//
// After an error that wraps ErrStorage the Writer takes nothing more; what was kept is on the disk, and Resume goes on.
type Writer struct {
	dir     string
	config  WriterConfig
	opening Opening
	cipher  *cipher // nil: not encrypted
	partial bool    // collection goes on elsewhere: what was announced and has not come is no gap

	mu         sync.Mutex
	broken     error // the error after which nothing more is taken
	tree       tree
	counts     Counts
	ledger     *ledger
	files      []SealedFile // what the seals so far hold
	prev       Digest       // of the last seal's file
	seg        *segment     // nil until there is something to keep
	nextNumber int
	flushed    time.Time
	pending    chan sealResult // a segment that is being sealed while the next one fills
	exceptions *file
	log        *file
}

type sealResult struct {
	files  []SealedFile
	digest Digest
	err    error
}

// Create begins a bundle in the new folder dir and writes its opening.json. A folder that is there already is refused
// with an error that wraps fs.ErrExist.
func Create(dir string, opening Opening, config WriterConfig) (*Writer, error) {
	opening.V = formatVersion
	cipher, err := newCipher(opening)
	if err != nil {
		return nil, err
	}
	d := config.disk
	if err := d.mkdir(dir); err != nil {
		return nil, err
	}
	for _, sub := range bundleDirs() {
		if err := d.mkdir(filepath.Join(dir, filepath.FromSlash(sub))); err != nil {
			return nil, err
		}
	}
	doc, err := marshalDocument(opening)
	if err == nil && cipher != nil {
		doc, err = openPrivately(d, dir, &opening, cipher)
	}
	if err != nil {
		return nil, err
	}
	w := newWriter(dir, opening, doc, config)
	w.cipher = cipher
	if err := w.createLogs(); err != nil {
		return nil, err
	}
	// opening.json comes last: a folder without it is not a bundle yet, and Resume says so.
	if err := d.createFile(filepath.Join(dir, openingFile), doc); err != nil {
		return nil, errors.Join(err, w.closeLogs())
	}
	if err := d.syncDir(filepath.Dir(dir)); err != nil {
		return nil, errors.Join(err, w.closeLogs())
	}
	return w.begin("started")
}

// begin notes that a run begins.
func (w *Writer) begin(how string) (*Writer, error) {
	if err := w.Log(logSession, how); err != nil {
		return nil, errors.Join(err, w.closeLogs())
	}
	return w, nil
}

// bundleDirs are the folders of a bundle, outer ones first.
func bundleDirs() []string {
	return []string{"data", segmentsDir, indexDir, "data/logs", "data/journal", sealsDir, sigDir}
}

func newWriter(dir string, opening Opening, doc []byte, config WriterConfig) *Writer {
	if config.SegmentSize == 0 {
		config.SegmentSize = SegmentSize
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.accounts == 0 {
		config.accounts = accountsInMemory
	}
	ledger := newLedger(config.disk, filepath.Join(dir, ledgerFile), config.accounts)
	return &Writer{dir: dir, config: config, opening: opening, ledger: ledger, prev: sha256.Sum256(doc), nextNumber: 1,
		counts: Counts{Accounts: len(opening.Accounts)}}
}

// Opening returns what the bundle set out to hold.
func (w *Writer) Opening() Opening { return w.opening }

// Dir returns the bundle's folder.
func (w *Writer) Dir() string { return w.dir }

// SealedFiles lists what will not change any more: the opening, and of each sealed segment its archive, index and seal.
func (w *Writer) SealedFiles() ([]SealedFile, error) {
	w.mu.Lock()
	files, segments := slices.Clone(w.files), w.counts.Segments
	w.mu.Unlock()
	names := []string{openingFile}
	for n := 1; n <= segments; n++ {
		names = append(names, sealPath(n))
	}
	for _, name := range names {
		file, err := digestPath(w.dir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// Counts returns the totals so far.
func (w *Writer) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// Put reads body to its end and keeps it, byte for byte. If body returns an error, nothing is kept and Put returns that
// error. It refuses an account, resource and item, or a name, that the bundle holds already, with ErrTaken.
func (w *Writer) Put(ex Exhibit, body io.Reader) (Digest, error) {
	if err := checkExhibit(&ex); err != nil {
		return Digest{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return Digest{}, w.broken
	}
	taken, err := w.ledger.has(ex.Account, ex.Resource, ex.Item)
	if err != nil {
		return Digest{}, w.breakOff(err)
	}
	if taken {
		return Digest{}, fmt.Errorf("%s: %s %s: %w", ex.Account, ex.Resource, ex.Item, ErrTaken)
	}
	if err := w.openSegment(); err != nil {
		return Digest{}, w.breakOff(err)
	}
	if _, taken := w.seg.names[keyOf(ex.Name)]; taken {
		return Digest{}, fmt.Errorf("%s: %w", ex.Name, ErrTaken)
	}
	entry, digest, err := w.seg.keep(ex.Name, body)
	if err != nil {
		var ofBody *bodyError
		if errors.As(err, &ofBody) {
			return Digest{}, ofBody.err
		}
		return Digest{}, w.breakOff(err)
	}
	stored := &StoredExhibit{Exhibit: ex, Segment: w.seg.number, Offset: entry.bodyOffset(), Size: int64(entry.size), SHA256: digest}
	w.seg.names[keyOf(ex.Name)] = struct{}{}
	if err := w.writeLine(Record{N: w.tree.size + 1, Exhibit: stored}); err != nil {
		return Digest{}, w.breakOff(err)
	}
	if err := w.count(Record{Exhibit: stored}); err != nil {
		return Digest{}, w.breakOff(err)
	}
	return digest, w.rotateIfFull()
}

// Gap records that something in scope was not read.
func (w *Writer) Gap(g Gap) error {
	for _, s := range []string{g.Account, g.Collector, g.Resource} {
		if s == "" || !utf8.ValidString(s) {
			return fmt.Errorf("a gap names its account, collector and resource in UTF-8, this one says %q, %q, %q", g.Account, g.Collector, g.Resource)
		}
	}
	if g.At.IsZero() {
		g.At = w.config.Now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	return w.gap(g)
}

func (w *Writer) gap(g Gap) error {
	if err := w.openSegment(); err != nil {
		return w.breakOff(err)
	}
	r := Record{N: w.tree.size + 1, Gap: &g}
	if err := w.writeLine(r); err != nil {
		return w.breakOff(err)
	}
	if err := w.count(r); err != nil {
		return w.breakOff(err)
	}
	var row strings.Builder
	appendException(&row, r)
	if _, err := w.exceptions.WriteString(row.String()); err != nil {
		return w.breakOff(err)
	}
	return w.rotateIfFull()
}

// Expect records what the source announced of a resource, before it is read.
func (w *Writer) Expect(e Expectation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	if err := w.ledger.expect(e); err != nil {
		return w.breakOff(err)
	}
	return nil
}

// Has says whether an exhibit of that account, resource and item is in the bundle. Where that cannot be read it says no, and
// Put takes nothing more.
func (w *Writer) Has(account, resource, item string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	there, err := w.ledger.has(account, resource, item)
	if err != nil {
		_ = w.breakOff(err) // the next Put or Gap says so
	}
	return there
}

// Close leaves the bundle so that Resume goes on with it: all that was kept is on the disk, nothing more is sealed.
// After Seal it does nothing.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log == nil {
		return nil
	}
	err := w.waitForSeal()
	if w.seg != nil {
		err = errors.Join(err, w.seg.sync(), w.seg.close())
		w.seg = nil
	}
	err = errors.Join(err, w.logLine(logSession, "ended"), w.closeLogs(), w.ledger.close())
	if w.broken == nil {
		w.broken = fmt.Errorf("%w: it was closed", ErrStorage)
	}
	return err
}

// Discard removes a bundle that holds no record yet: a collection that could not even log in leaves nothing behind that
// would have to be explained. A bundle with records is refused and left as it is.
func (w *Writer) Discard() error {
	if counts := w.Counts(); counts.Exhibits+counts.Gaps > 0 {
		return fmt.Errorf("%s holds records and is not removed", w.dir)
	}
	if _, sealed, err := ReadOpening(w.dir); err != nil || sealed {
		return errors.Join(err, fmt.Errorf("%s is sealed or cannot be read, and is not removed", w.dir))
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.RemoveAll(w.dir)
}

// checkExhibit refuses what the format cannot hold. These are a collector's mistakes, not the source's.
func checkExhibit(ex *Exhibit) error {
	for _, s := range []string{ex.Account, ex.Collector, ex.Resource} {
		if s == "" {
			return fmt.Errorf("an exhibit names its account, collector and resource, this one says %q, %q, %q", ex.Account, ex.Collector, ex.Resource)
		}
	}
	for _, s := range []string{ex.Account, ex.Collector, ex.Resource, ex.Item, ex.MediaType, ex.Request} {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is not UTF-8; what a source sent as other bytes goes into Response", s)
		}
	}
	for key, value := range ex.Attrs {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("attribute %q=%q is not UTF-8; what a source sent as other bytes goes into Response", key, value)
		}
	}
	if !validName(ex.Name) {
		return fmt.Errorf("%q cannot be the name of an exhibit: build it with SafeName", ex.Name)
	}
	return nil
}

// maxName is how many bytes an exhibit's name has at the most.
const maxName = 4096

// validName says whether a name can be one of an exhibit: relative, and each element as SafeName makes them.
func validName(name string) bool {
	if !fs.ValidPath(name) || len(name) > maxName {
		return false
	}
	for element := range strings.SplitSeq(name, "/") {
		if !safeElement(element) {
			return false
		}
	}
	return true
}

// safeElement says whether SafeName could have given this element, apart from what is joined to it afterwards.
func safeElement(element string) bool {
	for i, r := range element {
		if r == '%' || r == '~' {
			continue
		}
		if !keepInName(r, utf8.RuneLen(r)) || (i == 0 && strings.ContainsRune(".- ", r)) {
			return false
		}
	}
	return true
}

// breakOff makes an error of the disk the Writer's last word.
func (w *Writer) breakOff(err error) error {
	if w.broken == nil {
		w.broken = fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return w.broken
}

// openSegment makes sure that there is a segment to write to.
func (w *Writer) openSegment() error {
	if w.seg != nil {
		return nil
	}
	seg, err := createSegment(w.config.disk, w.dir, w.nextNumber, w.tree.size+1)
	if err != nil {
		return err
	}
	w.seg = seg
	w.nextNumber++
	return nil
}

// writeLine appends a record's line to the index and to the tree.
func (w *Writer) writeLine(r Record) error {
	text, err := appendLine(nil, r)
	if err != nil {
		return err
	}
	if _, err := w.seg.indexBuf.Write(text); err != nil {
		return err
	}
	w.tree.add(text)
	w.seg.records++
	return w.flushSometimes()
}

// flushEvery is how old what waits in memory becomes before it is written to the files, where a kill of this process, if not
// of the machine, leaves it for Resume: what is read slowly, bit by bit, is not read twice.
const flushEvery = 100 * time.Millisecond

func (w *Writer) flushSometimes() error {
	now := w.config.Now()
	if now.Sub(w.flushed) < flushEvery {
		return nil
	}
	w.flushed = now
	return w.seg.writeOut()
}

// count adds a record to the totals and to the ledger.
func (w *Writer) count(r Record) error {
	if r.Gap != nil {
		w.counts.Gaps++
		return w.ledger.gap(r.Gap)
	}
	w.counts.Exhibits++
	w.counts.Bytes += r.Exhibit.Size
	return w.ledger.put(&r.Exhibit.Exhibit)
}

// rotateIfFull hands a full segment over to be sealed while the next one fills. At most one waits, so that memory and
// the unsealed part stay bounded.
func (w *Writer) rotateIfFull() error {
	if w.seg.offset() < w.config.SegmentSize && w.seg.records < maxEntries {
		return nil
	}
	if err := w.waitForSeal(); err != nil {
		return w.breakOff(err)
	}
	// A full segment is in its files before it waits to be sealed: a kill, or Partial, finds all of it however long that takes.
	if err := w.seg.writeOut(); err != nil {
		return w.breakOff(err)
	}
	w.startSeal()
	return nil
}

// startSeal begins to seal the open segment.
func (w *Writer) startSeal() {
	seg, head, prev, done := w.seg, TreeHead{w.tree.size, w.tree.root()}, w.prev, make(chan sealResult, 1)
	w.seg, w.pending = nil, done
	go func() {
		files, digest, err := w.sealSegment(seg, head, prev)
		done <- sealResult{files, digest, err}
	}()
}

// waitForSeal waits until the segment that is being sealed is sealed.
func (w *Writer) waitForSeal() error {
	if w.pending == nil {
		return nil
	}
	result := <-w.pending
	w.pending = nil
	if result.err != nil {
		return w.breakOff(result.err)
	}
	w.files = append(w.files, result.files...)
	w.prev = result.digest
	w.counts.Segments++
	return nil
}

// sealSegment finishes a segment's files, reads them back for their digests, gives them their names and writes the
// seal. Reading back costs no more than hashing on the way, since a local header is complete only after its body, and
// it proves that the file holds what was written.
func (w *Writer) sealSegment(seg *segment, head TreeHead, prev Digest) ([]SealedFile, Digest, error) {
	if err := seg.appendDirectory(); err != nil {
		return nil, Digest{}, errors.Join(err, seg.close())
	}
	if err := seg.sync(); err != nil {
		return nil, Digest{}, errors.Join(err, seg.close())
	}
	seal := Seal{V: formatVersion, Bundle: w.opening.Bundle, Segment: seg.number, First: seg.first, Tree: head, Prev: prev,
		SealedAt: w.config.Now().UTC().Truncate(time.Millisecond)}
	var err error
	if seal.Index, err = w.finishFile(seg.index, indexPath(seg.number)); err != nil {
		return nil, Digest{}, errors.Join(err, seg.close())
	}
	files := []SealedFile{seal.Index}
	if len(seg.entries) > 0 {
		zip, err := w.finishFile(seg.zip, segmentPath(seg.number))
		if err != nil {
			return nil, Digest{}, errors.Join(err, seg.close())
		}
		seal.Zip = &zip
		files = append(files, zip)
	}
	if err := seg.close(); err != nil {
		return nil, Digest{}, err
	}
	for _, f := range files {
		if w.cipher != nil {
			break // the encrypted files have their names already
		}
		path := w.path(f.Path)
		if err := w.config.disk.moveFile(path+partSuffix, path); err != nil {
			return nil, Digest{}, err
		}
	}
	doc, err := json.Marshal(seal)
	if err != nil {
		return nil, Digest{}, err
	}
	doc = append(doc, '\n')
	if err := w.config.disk.createFile(w.path(sealPath(seg.number)), doc); err != nil {
		return nil, Digest{}, err
	}
	if w.config.Sealed != nil {
		w.config.Sealed(append(slices.Clone(files), SealedFile{sealPath(seg.number), int64(len(doc)), sha256.Sum256(doc)}))
	}
	return files, sha256.Sum256(doc), w.removeParts(seg.number)
}

// finishFile gives the digest of a finished file; of an encrypted bundle that of its age file, which it writes.
func (w *Writer) finishFile(f *file, name string) (SealedFile, error) {
	if w.cipher != nil {
		return w.encryptFile(f, name)
	}
	return digestFile(f, name)
}

func sealPath(number int) string { return fmt.Sprintf("%s/%06d.json", sealsDir, number) }

// digestFile reads a file from its start to its end.
func digestFile(f io.ReadSeeker, name string) (SealedFile, error) {
	sum := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return SealedFile{}, err
	}
	n, err := io.CopyBuffer(onlyWriter{sum}, onlyReader{f}, make([]byte, 256<<10))
	return SealedFile{Path: name, Size: n, SHA256: Digest(sum.Sum(nil))}, err
}

// onlyReader and onlyWriter hide what else their values can do, so that io.CopyBuffer uses the buffer it was given.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// removeParts removes what is left of the drafts of a sealed segment: the empty archive of one that has gaps only, what an
// encrypted bundle had in clear.
func (w *Writer) removeParts(number int) error {
	for _, name := range []string{segmentPath(number), indexPath(number)} {
		if err := w.config.disk.remove(w.path(name) + partSuffix); err != nil {
			return err
		}
	}
	return nil
}

// Events in acquisition.log.
const logSession = "session"

// Log appends a line to the bundle's acquisition.log: the time, a word for the event, and a text for people.
func (w *Writer) Log(event, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	if err := w.logLine(event, text); err != nil {
		return w.breakOff(err)
	}
	return nil
}

func (w *Writer) logLine(event, text string) error {
	_, err := fmt.Fprintf(w.log, "%s\t%s\t%s\n", formatTime(w.config.Now()), visible.Text(event), visible.Text(text))
	return err
}

func (w *Writer) createLogs() error {
	var err error
	if w.log, err = w.config.disk.open(w.path(logFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL); err != nil {
		return err
	}
	if err = lock(w.log.File); err != nil {
		return errors.Join(err, w.log.Close())
	}
	if err = w.createExceptions(); err != nil {
		return errors.Join(err, w.log.Close())
	}
	return nil
}

func (w *Writer) createExceptions() error {
	var err error
	if w.exceptions, err = w.config.disk.open(w.path(exceptionsFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC); err != nil {
		return err
	}
	_, err = w.exceptions.WriteString(exceptionsHeader)
	return err
}

func (w *Writer) closeLogs() error {
	if w.log == nil {
		return nil
	}
	err := errors.Join(w.log.Sync(), w.log.Close())
	if w.exceptions != nil {
		err = errors.Join(err, w.exceptions.Sync(), w.exceptions.Close())
	}
	w.log, w.exceptions = nil, nil
	return err
}

// sessions reads the runs of the collection out of acquisition.log. A run that was killed ends with its last line.
func sessions(log io.Reader) ([]Session, error) {
	var runs []Session
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		if err != nil && (err != io.EOF || line == "") {
			if err == io.EOF {
				err = nil
			}
			return runs, err
		}
		stamp, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			continue // torn by a crash
		}
		switch rest {
		case logSession + "\tstarted", logSession + "\tresumed", logSession + "\tsealed in part":
			runs = append(runs, Session{StartedAt: at, How: strings.TrimPrefix(rest, logSession+"\t")})
		}
		if len(runs) > 0 {
			runs[len(runs)-1].EndedAt = at
		}
	}
}
