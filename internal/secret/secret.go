package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Redacted is what is printed in place of a secret.
const Redacted = "[redacted]"

// A String is a secret. Every way of printing, logging or marshalling it gives Redacted; Reveal gives the value, and
// is meant to stand only where the secret goes onto the wire.
type String struct{ value string }

// New wraps a secret.
func New(value string) String { return String{value} }

// Reveal returns the secret.
func (s String) Reveal() string { return s.value }

// Empty says whether there is no secret.
func (s String) Empty() bool { return s.value == "" }

// Format implements fmt.Formatter, so that no verb prints the value.
func (s String) Format(f fmt.State, verb rune) { _, _ = f.Write([]byte(Redacted)) }

// String returns Redacted.
func (s String) String() string { return Redacted }

// MarshalText returns Redacted.
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON returns Redacted as a JSON string.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(Redacted) }
