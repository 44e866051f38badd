//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// lockWatch keeps a second run away from the same case. The system gives the lock back when the process ends in whatever way.
func lockWatch(c *openCase) (unlock func() error, err error) {
	if err := os.MkdirAll(c.path(watchName), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(c.path(watchName, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(withHint(errors.New(c.words("somebody watches this case already: ", "ce dossier est déjà surveillé : ")+visible.Text(c.dir)),
			c.words("end the other run first, or leave it to it", "terminez d'abord l'autre passage, ou laissez-le faire")), f.Close())
	} else if err != nil && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOLCK) { // a file system without locks
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
