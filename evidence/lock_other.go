//go:build !unix

package evidence

import "os"

// lock does nothing where a file that is being written cannot be opened by a second writer anyway.
func lock(*os.File) error { return nil }
