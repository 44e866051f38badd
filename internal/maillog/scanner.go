package maillog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
)

// MaxLine is how many bytes of a line are read. Servers write a few hundred; what strangers put into them they cut.
const MaxLine = 64 << 10

// A Summary counts what was read.
type Summary struct {
	Lines    int64            `json:"lines"` // of the journal: records
	Bytes    int64            `json:"bytes"`
	Parsed   int64            `json:"parsed"`
	Kinds    map[Kind]int64   `json:"kinds,omitempty"`    // events by kind
	Unparsed map[string]int64 `json:"unparsed,omitempty"` // lines without an event by reason
}

// A Scanner reads a whole text: lines, records of the journal (journalctl -o export), JSON lines, or protocol logs. It is
// used as a bufio.Scanner is. Memory is bounded by a few times MaxLine.
type Scanner struct {
	parser  *Parser
	r       *bufio.Reader
	begun   bool
	export  bool
	offset  int64
	line    int64
	event   Event
	err     error
	summary Summary
}

// NewScanner reads r.
func NewScanner(r io.Reader, o Options) *Scanner {
	return &Scanner{parser: NewParser(o), r: bufio.NewReaderSize(r, MaxLine+2),
		summary: Summary{Kinds: map[Kind]int64{}, Unparsed: map[string]int64{}}}
}

// Scan goes on to the next event and says whether there is one.
func (s *Scanner) Scan() bool {
	if !s.begun {
		s.begun = true
		head, _ := s.r.Peek(len("__REALTIME_TIMESTAMP="))
		s.export = bytes.HasPrefix(head, []byte("__CURSOR=")) || bytes.HasPrefix(head, []byte("__REALTIME_TIMESTAMP="))
	}
	for s.err == nil {
		begin, line := s.offset, s.line+1
		reason, ok := s.next()
		if !ok {
			break
		}
		s.summary.Lines++
		if reason == ReasonTooLong {
			s.summary.Unparsed[reason]++
			s.event = Event{Kind: Unparsed, Reason: "the line is longer than 64 KiB and was not read"}
		} else if reason != "" {
			s.summary.Unparsed[reason]++
			continue
		} else {
			s.summary.Parsed++
		}
		s.summary.Kinds[s.event.Kind]++
		s.event.Offset, s.event.Line = begin, line
		return true
	}
	return false
}

// Event returns what Scan found. It is overwritten by the next Scan; its strings are not.
func (s *Scanner) Event() *Event { return &s.event }

// Err returns the reader's error, if it was not the end.
func (s *Scanner) Err() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// Summary returns what was counted so far.
func (s *Scanner) Summary() Summary {
	sum := s.summary
	sum.Bytes = s.offset
	sum.Kinds, sum.Unparsed = maps.Clone(sum.Kinds), maps.Clone(sum.Unparsed)
	return sum
}

// next reads one line or record; ok is false at the end.
func (s *Scanner) next() (reason string, ok bool) {
	if s.export {
		return s.nextRecord()
	}
	line, long, ok := s.readLine()
	switch {
	case !ok:
		return "", false
	case long:
		return ReasonTooLong, true
	}
	return s.parser.Parse(string(line), &s.event), true
}

// readLine reads up to a line feed. A line that is longer than MaxLine is passed over to its end.
func (s *Scanner) readLine() (line []byte, long, ok bool) {
	line, err := s.r.ReadSlice('\n')
	s.offset += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		long = true
		for errors.Is(err, bufio.ErrBufferFull) {
			var rest []byte
			rest, err = s.r.ReadSlice('\n')
			s.offset += int64(len(rest))
		}
		line = nil
	}
	if err != nil {
		s.err = err
		if len(line) == 0 && !long {
			return nil, false, false
		}
	}
	s.line++
	line = bytes.TrimSuffix(line, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), long, true
}

// nextRecord reads one record of the Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS): lines "FIELD=value", or a
// line "FIELD" with eight bytes of length, the value and a line feed behind it; an empty line ends it.
func (s *Scanner) nextRecord() (reason string, ok bool) {
	var j journalRecord
	long, fields := false, 0
	for {
		line, tooLong, ok := s.readLine()
		if !ok {
			if fields == 0 {
				return "", false
			}
			break
		}
		if len(line) == 0 && !tooLong {
			if fields == 0 {
				continue
			}
			break
		}
		fields++
		if tooLong {
			long = true
			continue
		}
		name, value, inline := bytes.Cut(line, []byte{'='})
		if !inline {
			key := string(name)
			var tooBig bool
			if value, tooBig, ok = s.readBinary(); !ok {
				break
			}
			long = long || tooBig
			name = []byte(key)
		}
		j.set(name, value)
	}
	if long {
		return ReasonTooLong, true
	}
	return s.parser.parseJournal(j, &s.event), true
}

// readBinary reads a field's value with its length in front.
func (s *Scanner) readBinary() (value []byte, tooBig, ok bool) {
	var length [8]byte
	n, err := io.ReadFull(s.r, length[:])
	s.offset += int64(n)
	if err != nil {
		s.err = io.EOF
		return nil, false, false
	}
	size := binary.LittleEndian.Uint64(length[:])
	if size > MaxLine {
		if size > 1<<40 {
			s.err = errors.New("a field of the journal claims an impossible length")
			return nil, true, false
		}
		skipped, err := io.CopyN(io.Discard, s.r, int64(size)+1)
		s.offset += skipped
		if err != nil {
			s.err = err
		}
		return nil, true, err == nil
	}
	value = make([]byte, size+1)
	n, err = io.ReadFull(s.r, value)
	s.offset += int64(n)
	if err != nil {
		s.err = io.EOF
		return nil, false, false
	}
	return value[:size], false, true
}

// set keeps a field that is read.
func (j *journalRecord) set(name, value []byte) {
	switch string(name) {
	case "MESSAGE":
		j.message = string(value)
	case "SYSLOG_IDENTIFIER":
		j.identifier = string(value)
	case "_COMM":
		j.comm = string(value)
	case "SYSLOG_PID":
		j.pid = string(value)
	case "_PID":
		if j.pid == "" {
			j.pid = string(value)
		}
	case "_HOSTNAME":
		j.host = string(value)
	case "__REALTIME_TIMESTAMP":
		if j.realtime == "" {
			j.realtime = string(value)
		}
	case "_SOURCE_REALTIME_TIMESTAMP":
		j.realtime = string(value)
	}
}
