package servertest

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// AsNobody runs do with the file system rights of an ordinary user, where the test is run by root, who may read and write
// all. It is for what do does on its own goroutine.
func AsNobody(t testing.TB, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	runtime.LockOSThread() // setfsuid(2) is of a thread; with it CAP_DAC_OVERRIDE goes, and O_NOATIME is refused
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}
