package decision

// How far a row of the doctrine is covered.
const (
	Done          = "done"
	Partial       = "partial"
	NotDone       = "not done"
	NotApplicable = "not applicable"
	ForPeople     = "for a human" // no program can; it stays open until somebody says so
)

// A Covered row says how far one sentence of the doctrine is covered by the evidence at hand.
type Covered struct {
	ID       string   `json:"id"` // A1 to G24
	Title    Text     `json:"title"`
	State    string   `json:"state"` // one of the constants
	Why      Text     `json:"why"`   // what makes it so
	Human    Text     `json:"human"` // what stays for a person; empty where nothing does
	Exhibits []string `json:"exhibits,omitempty"`
}

func (m *maker) doctrine() []Covered { return nil }
