package workspace

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// enoughCodes is how many backup codes of eight digits there must be for a digest of all of them together: three have 79
// bits, which nobody guesses through; one would be found in a second.
const enoughCodes = 3

// A codesDocument is what is kept of the backup codes.
type codesDocument struct {
	Version int    `json:"v"`
	Account string `json:"account"`
	Count   int    `json:"count"`
	Salt    string `json:"salt,omitempty"`   // hexadecimal
	Digest  string `json:"sha256,omitempty"` // of the salt's bytes and then the codes, sorted, each with a line feed after it
	Note    string `json:"note"`
}

// describeCodes makes the description of the backup codes in an answer. No error repeats anything of it.
func describeCodes(a *answer, account string) ([]byte, error) {
	codes := make([]string, 0, len(a.items))
	for _, item := range a.items {
		var one struct {
			Code string `json:"verificationCode"`
		}
		if json.Unmarshal(item, &one) != nil || one.Code == "" {
			return nil, &failure{kind: ErrDamaged, text: ErrDamaged.Error() + ": an item is not a backup code"}
		}
		codes = append(codes, one.Code)
	}
	doc := codesDocument{Version: 1, Account: account, Count: len(codes),
		Note: "Made by mbaudit. The answer is not kept: backup codes are passwords."}
	if len(codes) < enoughCodes {
		doc.Note += " There is no digest: so few codes could be guessed from it."
		return json.MarshalIndent(doc, "", "  ")
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	slices.Sort(codes)
	hash := sha256.New()
	hash.Write(salt)
	for _, code := range codes {
		hash.Write([]byte(code + "\n"))
	}
	doc.Salt, doc.Digest = hex.EncodeToString(salt), hex.EncodeToString(hash.Sum(nil))
	return json.MarshalIndent(doc, "", "  ")
}
