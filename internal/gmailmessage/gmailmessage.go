package gmailmessage

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Why an answer gives no message.
var (
	ErrNoAnswer = errors.New("this is no answer about a message")
	ErrNotRaw   = errors.New("the answer has no whole message")
	ErrDamaged  = errors.New("the message in the answer is no base64url")
)

// A Message is what an answer says.
type Message struct {
	ID, Thread, History string
	Labels              []string  // ids
	Received            time.Time // internalDate; zero where it is not said
	Size                int64     // about, in bytes
	whole               bool
	raw                 string
	headers             []field
	described           bool // headers were there, if perhaps none
}

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type answer struct {
	ID           string   `json:"id"`
	ThreadID     string   `json:"threadId"`
	HistoryID    string   `json:"historyId"`
	LabelIDs     []string `json:"labelIds"`
	InternalDate string   `json:"internalDate"`
	SizeEstimate int64    `json:"sizeEstimate"`
	Raw          *string  `json:"raw"`
	Payload      *struct {
		Headers []field `json:"headers"`
	} `json:"payload"`
	Message *answer `json:"message"` // of a draft
}

// Parse reads the answer about a message, or about a draft, whose message is in it.
func Parse(data []byte) (Message, error) {
	var a answer
	if json.Unmarshal(data, &a) != nil {
		return Message{}, ErrNoAnswer
	}
	if a.Message != nil {
		a = *a.Message
	}
	if a.ID == "" {
		return Message{}, ErrNoAnswer
	}
	m := Message{ID: a.ID, Thread: a.ThreadID, History: a.HistoryID, Labels: a.LabelIDs, Size: a.SizeEstimate, whole: a.Raw != nil}
	if a.Raw != nil {
		m.raw = *a.Raw
	}
	if a.Payload != nil {
		m.headers, m.described = a.Payload.Headers, true
	}
	if ms, err := strconv.ParseInt(a.InternalDate, 10, 64); err == nil {
		m.Received = time.UnixMilli(ms).UTC()
	}
	return m, nil
}

// Read is Parse of all that a reader has.
func Read(r io.Reader) (Message, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Message{}, err
	}
	return Parse(data)
}

// Raw gives the bytes of the message. Google writes base64url with padding; without it is read too.
func (m Message) Raw() ([]byte, error) {
	if !m.whole {
		return nil, ErrNotRaw
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(m.raw, "="))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(data) == 0 && m.Size > 0 {
		return nil, fmt.Errorf("%w: it is empty, and has about %d bytes", ErrDamaged, m.Size)
	}
	return data, nil
}

// Described says whether the answer lists header fields.
func (m Message) Described() bool { return m.described }

// Head gives the message for reading: the bytes where the answer has them, else the header fields, one in a line, as Gmail
// lists them: their order and values, not their bytes.
func (m Message) Head() ([]byte, error) {
	if m.whole {
		return m.Raw()
	}
	var b strings.Builder
	oneLine := strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ")
	for _, f := range m.headers {
		b.WriteString(oneLine.Replace(f.Name) + ": " + oneLine.Replace(f.Value) + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String()), nil
}
