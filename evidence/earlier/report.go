package earlier

import "time"

// Resource is the resource of the exhibit that holds a Report, one for each account.
const Resource = "disappeared"

// A Report is what a collection says about messages that are not there any more. It is derived: the answers that it is read
// from are exhibits too. Nothing in it says that somebody deleted something: a mail server can tell at most that a message
// is not there.
type Report struct {
	V       int            `json:"v"`
	Since   *Since         `json:"since,omitempty"` // nil where there was no earlier bundle
	Folders []FolderReport `json:"folders"`
}

// Since names the earlier bundle.
type Since struct {
	Bundle   string    `json:"bundle"`
	SealedAt time.Time `json:"sealed_at"`
}

// A FolderReport is about one folder.
type FolderReport struct {
	Resource    string `json:"resource"` // as in the index: "messages/INBOX", or GmailResource
	UIDValidity uint32 `json:"uidvalidity"`
	UIDNext     uint32 `json:"uidnext,omitempty"`
	ModSeq      uint64 `json:"highestmodseq,omitempty"`
	Present     int64  `json:"present"`

	// Unused are the numbers below UIDNEXT that no message has: messages that had them may have been deleted or moved, at any
	// time since the folder has this UIDVALIDITY; a server may also have left some out. Nil where the server tells no UIDNEXT
	// or the folder was not listed whole.
	Unused *Numbers `json:"unused,omitempty"`

	// Deleted are messages with the flag \Deleted: they are still there and will go with the next EXPUNGE.
	Deleted *Numbers `json:"deleted,omitempty"`

	// Earlier compares with the bundle of Since; nil where that one does not know the folder.
	Earlier *Comparison `json:"earlier,omitempty"`
	Note    string      `json:"note,omitempty"`
}

// Numbers are UIDs, written as IMAP writes sets: "101:105,200".
type Numbers struct {
	Count int64  `json:"count"`
	UIDs  string `json:"uids"`
	Cut   bool   `json:"cut,omitempty"` // UIDs has only the first of them
}

// A Comparison is what changed in a folder since the earlier bundle.
type Comparison struct {
	Held      int64         `json:"held"`     // messages that the earlier bundle holds
	New       int64         `json:"new"`      // messages that it does not
	Vanished  []Gone        `json:"vanished"` // held, and not there any more: they may have been deleted or moved
	Expunged  *Numbers      `json:"expunged,omitempty"`
	Reflagged []Reflagged   `json:"reflagged"`
	Renewed   *uint32       `json:"uidvalidity_before,omitempty"` // UIDVALIDITY changed: the numbers tell nothing
	Flags     FlagKnowledge `json:"flags"`
}

// FlagKnowledge says how re-flagged messages were found out.
type FlagKnowledge string

// The ways.
const (
	FlagsByModSeq  FlagKnowledge = "modseq"    // the server listed what changed (CONDSTORE)
	FlagsByHistory FlagKnowledge = "history"   // Gmail listed what was relabelled since
	FlagsCompared  FlagKnowledge = "compared"  // all flags were read and compared
	FlagsUnknown   FlagKnowledge = "not known" // they were not read
)

// Gone is a message of the earlier bundle that is not there any more.
type Gone struct {
	UID     uint32 `json:"uid"`
	ID      string `json:"id,omitempty"` // of Gmail's API, in place of a UID
	Bundle  string `json:"bundle"`
	Exhibit string `json:"exhibit"`
}

// Reflagged is a message of the earlier bundle with other flags.
type Reflagged struct {
	UID     uint32 `json:"uid"`
	ID      string `json:"id,omitempty"` // of Gmail's API, in place of a UID
	Bundle  string `json:"bundle"`
	Exhibit string `json:"exhibit"`
	Before  string `json:"before"`
	After   string `json:"after"`
}

// A Sum adds up what a report says.
type Sum struct {
	New, Vanished, Reflagged, Unused, Deleted int64
	Renewed                                   int64 // folders whose UIDVALIDITY changed
	FlagsUnknown                              int64 // folders that are there and whose flags were not compared
}

// Sum adds up the folders.
func (r *Report) Sum() Sum {
	var sum Sum
	for _, f := range r.Folders {
		sum.Unused += f.Unused.count()
		sum.Deleted += f.Deleted.count()
		c := f.Earlier
		switch {
		case c == nil && r.Since != nil:
			sum.New += f.Present
		case c == nil:
		case c.Renewed != nil:
			sum.New += c.New
			sum.Renewed++
		default:
			sum.New += c.New
			sum.Vanished += int64(len(c.Vanished))
			sum.Reflagged += int64(len(c.Reflagged))
			if c.Flags == FlagsUnknown && f.Present > 0 {
				sum.FlagsUnknown++
			}
		}
	}
	return sum
}

func (n *Numbers) count() int64 {
	if n == nil {
		return 0
	}
	return n.Count
}
