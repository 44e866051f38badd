package dir

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNoReplace renames a file within a directory and fails with EEXIST when the new name is taken (renameat2(2)).
func renameNoReplace(dir *os.File, from, to string) error {
	err := unix.Renameat2(int(dir.Fd()), from, int(dir.Fd()), to, unix.RENAME_NOREPLACE)
	if err != nil {
		return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
	}
	return nil
}
