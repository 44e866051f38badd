package fakegoogle

import (
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// draft is a message that lies among the drafts.
func draft() []seedmail.Message {
	return []seedmail.Message{{Folder: "Drafts", InternalDate: Start().Add(-time.Minute), // the newest
		Raw: []byte("From: alice@example.test\r\nSubject: Relance\r\n\r\nMerci de payer.\r\n")}}
}
