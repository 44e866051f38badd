package journal

import _ "embed"

//go:embed verify-log.sh
var verifyScript string

// VerifyScript returns a script for sh and sha256sum that checks a journal's chain and prints its head: it is put beside
// the journal so that a stranger can check it without this program. It reads the beginning of each line only.
func VerifyScript() string { return verifyScript }
