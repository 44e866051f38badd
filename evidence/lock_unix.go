//go:build unix

package evidence

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the exclusive lock of a file, which the system gives back when the process ends in whatever way. A lock that
// another process has gives errInUse.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOLCK) {
		return nil // a file system without locks, such as some network mounts
	}
	return err
}
