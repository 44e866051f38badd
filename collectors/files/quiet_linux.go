package files

import "syscall"

// How files are opened: never waiting for a writer at a pipe, and without moving the time of last access, which only the
// file's owner and root may ask for (open(2)).
const (
	plainFlags = syscall.O_NONBLOCK | syscall.O_CLOEXEC
	quietFlags = plainFlags | syscall.O_NOATIME
)
