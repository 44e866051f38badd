package imap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/mbaudit/mbaudit/containment"
)

// ScriptShown, RightsShown and MessageShown write what an exhibit shows in the words of Shown.
func ScriptShown(body []byte) string {
	sum := sha256.Sum256(body)
	return "script " + hex.EncodeToString(sum[:])
}

// RightsShown is that of an entry of an access control list; names are as the server writes them.
func RightsShown(mailbox, identifier, rights string) string {
	return "rights " + Quoted(mailbox, identifier, sorted(rights))
}

// MessageShown is that of a message with the SHA-256 of its bytes, in hexadecimal digits.
func MessageShown(digest string) string { return "message " + digest }

// Shown says what a bundle must show to hold what a step changes: the very script, the very rights, the very bytes; needed says
// whether the step is not taken without. It is "" where there is nothing to be shown. A message is sealed whole before it is
// moved, so that no bundle is needed of it.
func Shown(s containment.Step) (what string, needed bool) {
	switch s.Kind {
	case kindSieve:
		var was script
		if json.Unmarshal(s.State.Document, &was) == nil {
			return ScriptShown(was.Script.bytes()), true
		}
	case kindACL:
		var was entry
		if json.Unmarshal(s.State.Document, &was) == nil {
			return "rights " + was.Mailbox + " " + was.Identifier + " " + was.Rights, true
		}
	case kindMessage:
		var was message
		if json.Unmarshal(s.State.Document, &was) == nil {
			return MessageShown(was.SHA256), false
		}
	}
	return "", false
}
