package evidence

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"

	"filippo.io/age"
)

// A Bundle is a sealed bundle that is read: its records in order, and the bytes of each exhibit. Reading does not
// verify the bundle; it checks each body against its line.
type Bundle struct {
	Sealed
	dir        string
	identities []Identity
	segment    int // which one is open
	zip        *os.File
	bodies     io.ReaderAt // what zip holds, decrypted
}

// Open opens a sealed bundle for reading. An encrypted one needs an identity of one of its recipients; without any, the
// error wraps ErrEncrypted.
func Open(dir string, identities ...Identity) (*Bundle, error) {
	sealed, err := ReadSealed(dir)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Sealed: *sealed, dir: dir, identities: identities}
	if !b.encrypted() {
		return b, nil
	}
	if len(identities) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrEncrypted)
	}
	whole, err := b.openPayload(privateAcquisitionFile)
	if err != nil {
		return nil, err
	}
	defer whole.Close()
	var rows []Coverage
	if err := readAcquisition(whole, &b.Acquisition, rowsInto(&rows)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", privateAcquisitionFile, err)
	}
	b.Coverage = rows
	return b, nil
}

func (b *Bundle) encrypted() bool { return b.Opening.Private != nil || len(b.Opening.Recipients) > 0 }

// openPayload opens a payload file by its name in clear.
func (b *Bundle) openPayload(name string) (io.ReadCloser, error) {
	if !b.encrypted() {
		return os.Open(filepath.Join(b.dir, filepath.FromSlash(name)))
	}
	f, err := os.Open(filepath.Join(b.dir, filepath.FromSlash(name)) + encryptedSuffix)
	if err != nil {
		return nil, err
	}
	clear, err := age.Decrypt(f, b.identities...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decrypting %s: %w", name, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{clear, f}, nil
}

// Again gives another reader of the same bundle, which may be used while b is, and is closed by itself. Keys that were asked for a
// passphrase when the bundle was opened are not asked again.
func (b *Bundle) Again() *Bundle {
	return &Bundle{Sealed: b.Sealed, dir: b.dir, identities: b.identities}
}

// Close releases the files.
func (b *Bundle) Close() error {
	if b.zip == nil {
		return nil
	}
	return b.zip.Close()
}

// Records goes through all exhibits and gaps in the order of their numbers. After an error nothing follows.
func (b *Bundle) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		b.lines(func(r Record, _ []byte, err error) bool { return yield(r, err) })
	}
}

// lines goes through all records together with their lines, LF included, as the index has them.
func (b *Bundle) lines(yield func(Record, []byte, error) bool) {
	for n := 1; n <= b.Counts.Segments; n++ {
		if !b.segmentLines(n, yield) {
			return
		}
	}
}

func (b *Bundle) segmentLines(n int, yield func(Record, []byte, error) bool) bool {
	f, err := b.openPayload(indexPath(n))
	if err != nil {
		yield(Record{}, nil, err)
		return false
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 256<<10)
	for {
		text, err := readLine(lines)
		if err == io.EOF {
			return true
		}
		var r Record
		if err == nil {
			r, err = parseLine(text)
		}
		if err != nil {
			yield(Record{}, nil, fmt.Errorf("reading %s: %w", indexPath(n), err))
			return false
		}
		if !yield(r, text, nil) {
			return false
		}
	}
}

// Body gives the bytes of an exhibit. Reading to the end gives an error if they are not those that were sealed. The
// next call of Body ends the use of the earlier reader.
func (b *Bundle) Body(x *StoredExhibit) (io.Reader, error) {
	if b.zip == nil || b.segment != x.Segment {
		if b.zip != nil {
			if err := b.zip.Close(); err != nil {
				return nil, err
			}
			b.zip = nil
		}
		if err := b.openBodies(x.Segment); err != nil {
			return nil, err
		}
	}
	return checked(b.bodies, x), nil
}

// openBodies opens a segment for reading at any place.
func (b *Bundle) openBodies(segment int) error {
	path := filepath.Join(b.dir, filepath.FromSlash(segmentPath(segment)))
	if b.encrypted() {
		path += encryptedSuffix
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	b.zip, b.segment, b.bodies = f, segment, f
	if !b.encrypted() {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b.bodies, _, err = age.DecryptReaderAt(f, info.Size(), b.identities...)
	return err
}

// checked reads the body of an exhibit out of its segment.
func checked(segment io.ReaderAt, x *StoredExhibit) *checkedBody {
	return &checkedBody{r: io.NewSectionReader(segment, x.Offset, x.Size), sum: sha256.New(), left: x.Size, want: x.SHA256, name: x.Name}
}

// A checkedBody fails at its end if what was read is not what was sealed.
type checkedBody struct {
	r    io.Reader
	sum  hash.Hash
	left int64
	want Digest
	name string
}

func (c *checkedBody) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.left -= int64(n)
	if err == io.EOF && (c.left != 0 || Digest(c.sum.Sum(nil)) != c.want) {
		return n, fmt.Errorf("%s is not what was sealed: run mbaudit verify", c.name)
	}
	return n, err
}
