package files

import (
	"errors"
	"fmt"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// Errors that callers decide by.
var (
	// ErrBounded says that the scope has bounds (folders, days), which an import cannot keep.
	ErrBounded = errors.New("what is imported is read whole, without bounds")

	// ErrPST says that the file is one of Outlook's.
	ErrPST = errors.New("it is an Outlook file (PST or OST), which is not read")

	// ErrLimit says that an archive holds more than Limits allow.
	ErrLimit = errors.New("the archive holds more than the limits allow")

	// ErrNothing says that there is no file at the path, or none that matches the pattern.
	ErrNothing = errors.New("there is nothing at this path")
)

// A KindError says that what is at a path is not of the kind that was named.
type KindError struct {
	Path  string
	Given Kind
	Means Kind // what it seems to be; empty where nothing is known
	Why   string
}

// Error says what is wrong.
func (e *KindError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Given, visible.Text(e.Path), e.Why)
}

// errChanged says that a file is not what it was when reading it began.
var errChanged = errors.New("the file changed while it was read")

// errKind says that something is no regular file.
var errKind = errors.New("it is no regular file and is not opened")
