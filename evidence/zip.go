package evidence

import (
	"encoding/binary"
	"unicode/utf8"
)

// A segment is a ZIP archive (APPNOTE 6.3.10) of stored entries, with sizes and CRC-32 in each local header, no data
// descriptors, no extra fields and one fixed time. It is ours rather than archive/zip's for three reasons: an entry
// whose body breaks off half-way is taken back, an archive that was cut off is read and continued without its central
// directory, and every byte of an archive follows from its index lines, so that a verifier can account for all of them.
const (
	zipVersion        = 20 // 2.0: stored entries, folders
	zipMadeBy         = 3<<8 | zipVersion
	zipUTF8           = 1 << 11             // general purpose flag: the name is UTF-8
	zipDate           = 1<<5 | 1            // 1980-01-01, the first day that the format knows
	zipUnixFile       = 0o100644 << 16      // external attributes: an ordinary file
	zipLocalSize      = 30                  // fixed part of a local header
	zipCRCOffset      = 14                  // of CRC-32 in a local header
	zipNameSizeOffset = 26                  // of the length of the name in it
	maxEntrySize      = 1<<32 - 1 - 256<<20 // so that offsets after the largest entry fit without ZIP64
	maxEntries        = 65_000              // the end record counts with 16 bits
)

// A zipEntry is what the archive's headers say of one stored body.
type zipEntry struct {
	name   string
	offset int64 // of the local header
	size   uint32
	crc    uint32
}

// bodyOffset is where the entry's body starts in the archive.
func (e zipEntry) bodyOffset() int64 { return e.offset + zipLocalSize + int64(len(e.name)) }

// end is the offset after the body.
func (e zipEntry) end() int64 { return e.bodyOffset() + int64(e.size) }

func (e zipEntry) flags() uint16 {
	for i := 0; i < len(e.name); i++ {
		if e.name[i] >= utf8.RuneSelf {
			return zipUTF8
		}
	}
	return 0
}

// appendLocal appends the entry's local header.
func (e zipEntry) appendLocal(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x04034b50)
	b = le.AppendUint16(b, zipVersion)
	b = e.appendCommon(b)
	b = le.AppendUint16(b, 0) // extra field
	return append(b, e.name...)
}

// appendCentral appends the entry's header in the central directory.
func (e zipEntry) appendCentral(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x02014b50)
	b = le.AppendUint16(b, zipMadeBy)
	b = le.AppendUint16(b, zipVersion)
	b = e.appendCommon(b)
	b = le.AppendUint16(b, 0) // extra field
	b = le.AppendUint16(b, 0) // comment
	b = le.AppendUint16(b, 0) // disk
	b = le.AppendUint16(b, 0) // internal attributes
	b = le.AppendUint32(b, zipUnixFile)
	b = le.AppendUint32(b, uint32(e.offset))
	return append(b, e.name...)
}

// appendCommon appends the fields that both headers have: flags to name length.
func (e zipEntry) appendCommon(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, e.flags())
	b = le.AppendUint16(b, 0) // method: stored
	b = le.AppendUint16(b, 0) // time
	b = le.AppendUint16(b, zipDate)
	b = le.AppendUint32(b, e.crc)
	b = le.AppendUint32(b, e.size)
	b = le.AppendUint32(b, e.size)
	return le.AppendUint16(b, uint16(len(e.name)))
}

// appendDirectory appends the central directory and the end record of an archive whose last body ends at offset.
func appendDirectory(b []byte, entries []zipEntry, offset int64) []byte {
	start := len(b)
	for _, e := range entries {
		b = e.appendCentral(b)
	}
	return appendEnd(b, len(entries), len(b)-start, offset)
}

// appendEnd appends the end record of an archive with a central directory of so many entries and bytes.
func appendEnd(b []byte, entries, size int, offset int64) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x06054b50)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint16(b, uint16(entries))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(offset))
	return le.AppendUint16(b, 0) // comment
}
