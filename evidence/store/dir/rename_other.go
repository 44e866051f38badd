//go:build !linux

package dir

import (
	"errors"
	"os"
)

// renameNoReplace cannot be had here: the portable rename replaces what is there.
func renameNoReplace(_ *os.File, from, to string) error {
	return &os.LinkError{Op: "rename without replacing", Old: from, New: to, Err: errors.ErrUnsupported}
}
