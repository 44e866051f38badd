package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A tokenCacheFile keeps a consent between runs, in a file that only its owner can read and that lies in no case and in no
// bundle: what is in those is handed on.
type tokenCacheFile string

// Load implements workspace.TokenCache.
func (f tokenCacheFile) Load() (secret.String, error) {
	if err := f.checkPlace(); err != nil {
		return secret.String{}, err
	}
	info, err := os.Lstat(string(f))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secret.String{}, nil
	case err != nil:
		return secret.String{}, err
	case !info.Mode().IsRegular():
		return secret.String{}, usageError(fmt.Errorf("%s is no plain file", visible.Text(string(f))), "name another one with --google-token-cache")
	case info.Mode().Perm()&0o077 != 0:
		return secret.String{}, usageError(fmt.Errorf("others can read %s, which opens a mailbox", visible.Text(string(f))),
			"take their rights away: chmod 600 "+visible.Text(string(f))+"   and ask yourself who has read it")
	case info.Size() > credentialsAtMost:
		return secret.String{}, usageError(fmt.Errorf("%s is too large for a token cache", visible.Text(string(f))), "name another one with --google-token-cache")
	}
	data, err := os.ReadFile(string(f))
	return secret.New(string(data)), err
}

// Save implements workspace.TokenCache. The old file goes, and the new one must not be there when it is made.
func (f tokenCacheFile) Save(text secret.String) error {
	if err := f.checkPlace(); err != nil {
		return err
	}
	if err := os.Remove(string(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(string(f), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text.Reveal())
	return errors.Join(err, file.Close())
}

// checkPlace refuses a place in a case or in a bundle.
func (f tokenCacheFile) checkPlace() error {
	dir, err := filepath.Abs(filepath.Dir(string(f)))
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return usageError(err, "name a file in a directory that is there, with --google-token-cache")
	}
	for {
		for _, name := range []string{casefile.Name, "bagit.txt", "acquisition.json"} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				return usageError(fmt.Errorf("--google-token-cache lies in a case or a bundle, %s, which is handed on", visible.Text(dir)),
					"name a file elsewhere, where only you can read")
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil
		}
		dir = parent
	}
}
