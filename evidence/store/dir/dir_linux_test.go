package dir_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestFullDisk fills a small file system of its own, which takes the right to mount.
func TestFullDisk(t *testing.T) {
	path := t.TempDir()
	if err := unix.Mount("mbaudit-test", path, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("SKIPPED WITHOUT A DISK TO FILL: mounting one: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	st := open(t, path)
	if err := create(t, st, "fits", make([]byte, 500<<10)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // what is left of one try is not in the way of the next
		if err := create(t, st, "too large", make([]byte, 600<<10)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want %v", err, syscall.ENOSPC)
		}
		wantNoHidden(t, path)
	}
	wantList(t, st, "fits")
	if err := create(t, st, "fits too", make([]byte, 400<<10)); err != nil {
		t.Error(err)
	}

	if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := create(t, st, "new/late", nil); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a file system that takes no writes: got %v, want %v", err, syscall.EROFS)
	}
	wantList(t, open(t, path), "fits", "fits too")
}

// sizeLimited is set in the environment of the process that TestFileSizeLimit starts; it holds the directory.
const sizeLimited = "MBAUDIT_TEST_SIZE_LIMITED_DIR"

// TestFileSizeLimit needs no rights: a process of its own may write no file of more than 64 KiB.
func TestFileSizeLimit(t *testing.T) {
	if path := os.Getenv(sizeLimited); path != "" {
		signal.Ignore(syscall.SIGXFSZ) // so that write(2) answers EFBIG
		limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		st := open(t, path)
		if err := create(t, st, "too large", make([]byte, 65<<10)); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("got %v, want %v", err, syscall.EFBIG)
		}
		wantNoHidden(t, path)
		if err := create(t, st, "fits", make([]byte, 64<<10)); err != nil {
			t.Error(err)
		}
		wantList(t, st, "fits")
		return
	}
	path := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$")
	child.Env = append(os.Environ(), sizeLimited+"="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wantList(t, open(t, path), "fits")
}

// TestReadOnlyDirectory is about rights, which root does not need: its thread becomes somebody else for the files.
func TestReadOnlyDirectory(t *testing.T) {
	path := t.TempDir()
	st := open(t, path)
	if err := create(t, st, "before", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
	servertest.AsNobody(t, func() {
		for _, name := range []string{"late", "new/late"} {
			err := st.Create(t.Context(), storetest.Object(name, nil), bytes.NewReader(nil))
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: got %v, want fs.ErrPermission", name, err)
			}
		}
	})
	wantList(t, st, "before")
}
