package servertest

import (
	"os/exec"
	"testing"
)

// GooglePython returns a Python interpreter that has Google's official client, or skips the test; it fails it where
// MBAUDIT_TEST_REQUIRE names python. Debian's own interpreter is asked first: others in PATH do not see Debian's packages.
func GooglePython(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.Command(path, "-c", "import googleapiclient.discovery, google_auth_httplib2, google.oauth2.service_account").Run() == nil {
			return path
		}
	}
	missing(t, "python", "no python3 has Google's client: apt-get install python3-googleapi")
	return ""
}
