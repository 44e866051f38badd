//go:build !linux

package logfiles

// openFlags are none where O_NOATIME is not to be had.
const (
	openFlags     = 0
	openUntouched = 0
)
