//go:build !linux

package files

// Other systems than Linux have no way to leave the time of last access alone.
const (
	plainFlags = 0
	quietFlags = 0
)
