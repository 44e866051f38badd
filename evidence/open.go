package evidence

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// A Bundle is a sealed bundle that is read: its records in order, and the bytes of each exhibit. Reading does not
// verify the bundle; it checks each body against its line.
type Bundle struct {
	Sealed
	dir     string
	segment int // which one is open
	zip     *os.File
}

// Open opens a sealed bundle for reading.
func Open(dir string) (*Bundle, error) {
	sealed, err := ReadSealed(dir)
	if err != nil {
		return nil, err
	}
	return &Bundle{Sealed: *sealed, dir: dir}, nil
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
		for n := 1; n <= b.Counts.Segments; n++ {
			if !b.segmentRecords(n, yield) {
				return
			}
		}
	}
}

func (b *Bundle) segmentRecords(n int, yield func(Record, error) bool) bool {
	f, err := os.Open(filepath.Join(b.dir, filepath.FromSlash(indexPath(n))))
	if err != nil {
		yield(Record{}, err)
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
			yield(Record{}, fmt.Errorf("reading %s: %w", indexPath(n), err))
			return false
		}
		if !yield(r, nil) {
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
		f, err := os.Open(filepath.Join(b.dir, filepath.FromSlash(segmentPath(x.Segment))))
		if err != nil {
			return nil, err
		}
		b.zip, b.segment = f, x.Segment
	}
	return &checkedBody{r: io.NewSectionReader(b.zip, x.Offset, x.Size), sum: sha256.New(), left: x.Size, want: x.SHA256, name: x.Name}, nil
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
