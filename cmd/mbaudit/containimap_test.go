package main

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// containServer is a Dovecot of which the scripts of contain may change everything: others read the one that all share.
func containServer(t *testing.T) []string {
	t.Helper()
	d := servertest.Dovecot(t)
	d.Save(t, "alice@example.test", "INBOX", "From: boss@evil.example\r\nSubject: wire\r\nMessage-ID: <wire-7@evil.example>\r\n\r\npay now\r\n")
	return []string{"CONTAIN_IMAPS=imaps://localhost:" + strconv.Itoa(d.IMAPSPort), "CONTAIN_SIEVE=sieve://localhost:" + strconv.Itoa(d.SievePort), "CONTAIN_CA=" + d.CAFile,
		"CONTAIN_DOVEADM=" + d.DoveadmURL, "CONTAIN_DOVEADM_KEY_FILE=" + filepath.Join(d.Dir, "doveadm.key"), "CONTAIN_CONF=" + filepath.Join(d.Dir, "dovecot.conf")}
}
