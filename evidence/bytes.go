package evidence

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Bytes are kept in JSON so that they come back the same: as a string where they are valid UTF-8, else as
// {"base64":"…"}. encoding/json alone would replace what is not UTF-8, and evidence would change.
type Bytes []byte

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*b = Bytes(s)
		return nil
	}
	var boxed struct {
		Base64 *[]byte `json:"base64"`
	}
	if err := json.Unmarshal(data, &boxed); err != nil {
		return err
	}
	if boxed.Base64 == nil {
		return fmt.Errorf(`bytes are a string or {"base64":…}, this is neither`)
	}
	*b = *boxed.Base64
	return nil
}
