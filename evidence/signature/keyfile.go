package signature

import (
	"fmt"
	"io"
	"os"
	"runtime"
)

// maxKeyFile bounds a key file. A PKCS #12 file with a long chain has some 20 KB.
const maxKeyFile = 1 << 20

// readKeyFile reads a file that holds a private key, and refuses with ErrOpenToOthers one that others can read or write.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w, its mode is %04o: type chmod 600 %s", ErrOpenToOthers, info.Mode().Perm(), path)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}
