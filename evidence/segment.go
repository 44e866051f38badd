package evidence

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	segmentsDir = "data/segments"
	indexDir    = "data/index"
	partSuffix  = ".part"

	// segmentBuffer is how much of a segment waits in memory; a message's bytes go from the source into it and from
	// it into the file, with no other copy.
	segmentBuffer = 1 << 20
	readChunk     = 64 << 10
)

func segmentPath(number int) string { return fmt.Sprintf("%s/%06d.zip", segmentsDir, number) }
func indexPath(number int) string   { return fmt.Sprintf("%s/%06d.jsonl", indexDir, number) }

// A segment is the pair of files that is being written: bodies in the archive, lines in the index.
type segment struct {
	number  int
	first   int64 // number of the first record
	records int64
	names   map[textKey]struct{}

	zip     *file
	buf     []byte // the archive's last bytes, not in the file yet
	flushed int64  // how many bytes of the archive are in the file
	entries []zipPlace

	index    *file
	indexBuf *bufio.Writer
}

// A zipPlace is a zipEntry without its name, which the archive itself has: 65,000 names are most of what a segment would keep in
// memory.
type zipPlace struct {
	offset    int64
	size, crc uint32
}

func placeOf(e zipEntry) zipPlace { return zipPlace{e.offset, e.size, e.crc} }

// createSegment opens a new pair of files under dir, refusing names that are taken.
func createSegment(d disk, dir string, number int, first int64) (*segment, error) {
	s := &segment{number: number, first: first, names: make(map[textKey]struct{}), buf: make([]byte, 0, segmentBuffer)}
	var err error
	if s.zip, err = createPart(d, dir, segmentPath(number)); err != nil {
		return nil, err
	}
	if s.index, err = createPart(d, dir, indexPath(number)); err != nil {
		return nil, errors.Join(err, s.zip.Close())
	}
	s.indexBuf = bufio.NewWriterSize(s.index, readChunk)
	return s, nil
}

func createPart(d disk, dir, name string) (*file, error) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Lstat(path); err == nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return d.open(path+partSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// offset is where the archive's next byte goes.
func (s *segment) offset() int64 { return s.flushed + int64(len(s.buf)) }

// A bodyError is an error of the body that was being kept, not of the bundle.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// keep appends an entry with all that body gives. If body breaks off, the archive is as it was before and the error
// is a *bodyError.
func (s *segment) keep(name string, body io.Reader) (zipEntry, Digest, error) {
	start := s.offset()
	e := zipEntry{name: name, offset: start}
	if err := s.append(e.appendLocal(nil)); err != nil {
		return e, Digest{}, err
	}
	sum := sha256.New()
	for {
		if err := s.makeRoom(); err != nil {
			return e, Digest{}, err
		}
		space := s.buf[len(s.buf):min(cap(s.buf), len(s.buf)+readChunk)]
		n, err := body.Read(space)
		if n > 0 {
			if uint64(e.size)+uint64(n) > maxEntrySize {
				return e, Digest{}, s.refuse(start, fmt.Errorf("it has more than %d bytes", int64(maxEntrySize)))
			}
			sum.Write(space[:n])
			e.crc = crc32.Update(e.crc, crc32.IEEETable, space[:n])
			e.size += uint32(n)
			s.buf = s.buf[:len(s.buf)+n]
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return e, Digest{}, s.refuse(start, err)
		}
	}
	if err := s.patch(e); err != nil {
		return e, Digest{}, err
	}
	s.entries = append(s.entries, placeOf(e))
	return e, Digest(sum.Sum(nil)), nil
}

// refuse cuts the archive to where it was before a body that cannot be kept, and says why.
func (s *segment) refuse(start int64, why error) error {
	if err := s.takeBack(start); err != nil {
		return err
	}
	return &bodyError{why}
}

// append puts bytes of our own into the archive.
func (s *segment) append(b []byte) error {
	for len(b) > 0 {
		if err := s.makeRoom(); err != nil {
			return err
		}
		n := min(len(b), cap(s.buf)-len(s.buf))
		s.buf = append(s.buf, b[:n]...)
		b = b[n:]
	}
	return nil
}

// appendDirectory ends the archive: appendDirectory of zip.go, entry by entry.
func (s *segment) appendDirectory() error {
	offset, size := s.offset(), 0
	if err := s.flush(); err != nil {
		return err
	}
	var b []byte
	header := make([]byte, zipLocalSize+maxName)
	for _, p := range s.entries {
		e, err := s.entry(p, header)
		if err != nil {
			return err
		}
		b = e.appendCentral(b[:0])
		size += len(b)
		if err := s.append(b); err != nil {
			return err
		}
	}
	return s.append(appendEnd(b[:0], len(s.entries), size, offset))
}

// entry reads the name of an entry out of its local header, which must be the one that was written.
func (s *segment) entry(p zipPlace, header []byte) (zipEntry, error) {
	e := zipEntry{offset: p.offset, size: p.size, crc: p.crc}
	for _, most := range []int{zipLocalSize + 160, len(header)} { // most names are short
		n, err := s.zip.ReadAt(header[:most], p.offset)
		if err != nil && err != io.EOF {
			return e, err
		}
		if n < zipLocalSize {
			break
		}
		end := zipLocalSize + int(binary.LittleEndian.Uint16(header[zipNameSizeOffset:]))
		if end > n {
			continue
		}
		e.name = string(header[zipLocalSize:end])
		if !bytes.Equal(header[:end], e.appendLocal(nil)) {
			break
		}
		return e, nil
	}
	return e, fmt.Errorf("%s: the entry at %d is not the one that was written", s.zip.Name(), p.offset)
}

// makeRoom writes the buffer out when it is full.
func (s *segment) makeRoom() error {
	if len(s.buf) < cap(s.buf) {
		return nil
	}
	return s.flush()
}

func (s *segment) flush() error {
	n, err := s.zip.Write(s.buf)
	s.flushed += int64(n)
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	return err
}

// patch writes CRC-32 and sizes, now known, into an entry's local header, wherever it is by now.
func (s *segment) patch(e zipEntry) error {
	var fields [12]byte
	binary.LittleEndian.PutUint32(fields[0:], e.crc)
	binary.LittleEndian.PutUint32(fields[4:], e.size)
	binary.LittleEndian.PutUint32(fields[8:], e.size)
	at := e.offset + zipCRCOffset
	inFile := min(max(s.flushed-at, 0), int64(len(fields)))
	if inFile > 0 {
		if _, err := s.zip.WriteAt(fields[:inFile], at); err != nil {
			return err
		}
	}
	if rest := fields[inFile:]; len(rest) > 0 {
		copy(s.buf[at+inFile-s.flushed:], rest)
	}
	return nil
}

// takeBack cuts the archive to an earlier offset.
func (s *segment) takeBack(offset int64) error {
	if offset >= s.flushed {
		s.buf = s.buf[:offset-s.flushed]
		return nil
	}
	s.buf = s.buf[:0]
	s.flushed = offset
	if err := s.zip.Truncate(offset); err != nil {
		return err
	}
	_, err := s.zip.Seek(offset, io.SeekStart)
	return err
}

// writeOut writes all that waits in memory to the files, the archive before the index that tells of it.
func (s *segment) writeOut() error { return errors.Join(s.flush(), s.indexBuf.Flush()) }

// sync writes all that waits in memory to the disk, so that resuming finds it.
func (s *segment) sync() error {
	return errors.Join(s.writeOut(), s.zip.Sync(), s.index.Sync())
}

// close releases the files and leaves them for resuming.
func (s *segment) close() error {
	return errors.Join(s.zip.Close(), s.index.Close())
}

// recoverSegment opens the files of a segment that was not sealed and cuts them to the records of which both the line
// and the body are whole and agree. see is called with each of these records and its line. A segment that has lost its
// files gives fs.ErrNotExist.
func recoverSegment(d disk, dir string, number int, next int64, see func(Record, []byte) error) (*segment, error) {
	s := &segment{number: number, first: next, names: make(map[textKey]struct{}), buf: make([]byte, 0, segmentBuffer)}
	var err error
	if s.index, err = reopenPart(d, dir, indexPath(number)); err != nil {
		return nil, err
	}
	if s.zip, err = reopenPart(d, dir, segmentPath(number)); err != nil {
		return nil, errors.Join(err, s.index.Close())
	}
	indexEnd, zipEnd, err := s.recoverRecords(next, see)
	if err == nil {
		err = errors.Join(cut(s.index, indexEnd), cut(s.zip, zipEnd))
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.flushed = zipEnd
	s.indexBuf = bufio.NewWriterSize(s.index, readChunk)
	return s, nil
}

// recoverRecords reads lines and bodies side by side until one of them is not whole.
func (s *segment) recoverRecords(next int64, see func(Record, []byte) error) (indexEnd, zipEnd int64, err error) {
	lines := bufio.NewReaderSize(s.index, readChunk)
	for {
		text, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return indexEnd, zipEnd, nil // what stands after the last LF is torn
		}
		if err != nil {
			return 0, 0, err
		}
		r, err := parseLine(text)
		if err != nil || r.N != next {
			return indexEnd, zipEnd, nil
		}
		if x := r.Exhibit; x != nil {
			e, whole := s.checkBody(x, zipEnd)
			if !whole {
				return indexEnd, zipEnd, nil
			}
			s.entries = append(s.entries, placeOf(e))
			s.names[keyOf(x.Name)] = struct{}{}
			zipEnd = e.end()
		}
		if err := see(r, text); err != nil {
			return 0, 0, err
		}
		next++
		s.records++
		indexEnd += int64(len(text))
	}
}

// checkBody says whether the archive holds, at start, the entry that the exhibit's line describes.
func (s *segment) checkBody(x *StoredExhibit, start int64) (zipEntry, bool) {
	e := zipEntry{name: x.Name, offset: start, size: uint32(x.Size)}
	if x.Segment != s.number || x.Offset != e.bodyOffset() {
		return e, false
	}
	sum, crc := sha256.New(), crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(sum, crc), io.NewSectionReader(s.zip, x.Offset, x.Size))
	if err != nil || n != x.Size || Digest(sum.Sum(nil)) != x.SHA256 {
		return e, false
	}
	e.crc = crc.Sum32()
	header := make([]byte, x.Offset-start)
	if _, err := s.zip.ReadAt(header, start); err != nil {
		return e, false
	}
	return e, bytes.Equal(header, e.appendLocal(nil))
}

// reopenPart opens a file that was being written, or that was renamed but whose seal was not written.
func reopenPart(d disk, dir, name string) (*file, error) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Lstat(path); err == nil {
		if err := d.moveFile(path, path+partSuffix); err != nil {
			return nil, err
		}
	}
	return d.open(path+partSuffix, os.O_RDWR)
}

func cut(f *file, size int64) error {
	if err := f.Truncate(size); err != nil {
		return err
	}
	_, err := f.Seek(size, io.SeekStart)
	return err
}
