package servertest

import (
	"os/exec"
	"testing"
)

// Suricata returns the program that judges Suricata's rules, or skips the test; it fails it where MBAUDIT_TEST_REQUIRE names
// suricata.
func Suricata(t testing.TB) string {
	t.Helper()
	path, err := program("suricata")
	if err != nil {
		missing(t, "suricata", "Suricata is not installed: apt-get install suricata")
	}
	return path
}

// STIXPython returns a Python interpreter that has OASIS' library for STIX, or skips the test; it fails it where
// MBAUDIT_TEST_REQUIRE names stix2.
func STIXPython(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.Command(path, "-c", "import stix2").Run() == nil {
			return path
		}
	}
	missing(t, "stix2", "no python3 has stix2: pip install stix2")
	return ""
}
