package servertest

import (
	"bytes"
	"crypto/tls"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// A DovecotServer is a running Dovecot. Its accounts are empty until Seed fills them, but for a folder Projets of bob's,
// which alice may read as shared/bob@example.test/Projets.
type DovecotServer struct {
	Host      string // "localhost"; 127.0.0.1 is in the certificate too
	IMAPPort  int    // STARTTLS, and LOGIN in clear
	IMAPSPort int
	SievePort int // STARTTLS, and AUTHENTICATE in clear

	// StrictHost and StrictPort refuse LOGIN before STARTTLS (LOGINDISABLED).
	StrictHost string
	StrictPort int

	DoveadmURL string // of doveadm's HTTP API
	DoveadmKey string

	CAFile          string   // the authority of the server's certificate, PEM
	Users           []string // alice@example.test, bob@example.test, carol@example.test
	Password        string   // of each of Users
	MasterUser      string   // logs in as user + MasterSeparator + MasterUser
	MasterPassword  string
	MasterSeparator string
	Token           string // a bearer token of alice's for OAUTHBEARER and XOAUTH2

	Dir      string // everything of the server's
	Log      string // file with all that Dovecot logs
	AuthLog  string // file with the lines about logins only
	EventLog string // file with one JSON object per IMAP command that a client sent

	mailRoot string
	conf     string
}

// Dovecot starts a fresh Dovecot for the test.
func Dovecot(t testing.TB) *DovecotServer {
	t.Helper()
	needPrograms(t, "dovecot", "dovecot", "doveadm", "openssl")
	s := start(t, "dovecot", "dovecot.sh")
	token, err := os.ReadFile(s["DOVECOT_TOKEN_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(s["DOVECOT_DOVEADM_KEY_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	return &DovecotServer{
		Host:            s["DOVECOT_HOST"],
		IMAPPort:        s.port(t, "DOVECOT_IMAP_PORT"),
		IMAPSPort:       s.port(t, "DOVECOT_IMAPS_PORT"),
		SievePort:       s.port(t, "DOVECOT_SIEVE_PORT"),
		StrictHost:      s["DOVECOT_STRICT_HOST"],
		StrictPort:      s.port(t, "DOVECOT_STRICT_PORT"),
		DoveadmURL:      s["DOVECOT_DOVEADM_URL"],
		DoveadmKey:      strings.TrimSpace(string(key)),
		CAFile:          s["DOVECOT_CA_FILE"],
		Users:           strings.Fields(s["DOVECOT_USERS"]),
		Password:        s["DOVECOT_PASSWORD"],
		MasterUser:      s["DOVECOT_MASTER_USER"],
		MasterPassword:  s["DOVECOT_MASTER_PASSWORD"],
		MasterSeparator: s["DOVECOT_MASTER_SEPARATOR"],
		Token:           strings.TrimSpace(string(token)),
		Dir:             s["DOVECOT_DIR"],
		Log:             s["DOVECOT_LOG"],
		AuthLog:         s["DOVECOT_AUTH_LOG"],
		EventLog:        s["DOVECOT_EVENT_LOG"],
		mailRoot:        s["DOVECOT_MAIL_ROOT"],
		conf:            s["DOVECOT_CONF"],
	}
}

// TLS returns a configuration that trusts the server and names it Host.
func (d *DovecotServer) TLS(t testing.TB) *tls.Config {
	t.Helper()
	config := trust(t, d.CAFile)
	config.ServerName = d.Host
	return config
}

// MailDir returns the Maildir of a user on disk.
func (d *DovecotServer) MailDir(user string) string {
	return filepath.Join(d.mailRoot, user, "Maildir")
}

// Doveadm runs doveadm on this server and returns what it prints on standard output.
func (d *DovecotServer) Doveadm(t testing.TB, args ...string) string {
	t.Helper()
	return d.doveadm(t, nil, args...)
}

// Save puts a message into a folder of a user's.
func (d *DovecotServer) Save(t testing.TB, user, folder, message string) {
	t.Helper()
	d.doveadm(t, strings.NewReader(message), "save", "-u", user, "-m", folder)
}

func (d *DovecotServer) doveadm(t testing.TB, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.Command("doveadm", append([]string{"-c", d.conf}, args...)...)
	cmd.Stdin = stdin
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("doveadm %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// Seed writes the mailbox of a Spec into a user's Maildir, owned by whom the mail processes run as. Without an owner in
// the Spec the user is it. It needs no login and leaves no trace in the logs or indexes.
func (d *DovecotServer) Seed(t testing.TB, user string, spec seedmail.Spec) seedmail.Summary {
	t.Helper()
	if spec.Owner == "" {
		spec.Owner = user
	}
	sum, err := seedmail.WriteMaildir(d.MailDir(user), spec)
	if err != nil {
		t.Fatal(err)
	}
	d.giveToMail(t, user)
	return sum
}

// SeedCompromised writes the mailbox of the demo into a user's Maildir.
func (d *DovecotServer) SeedCompromised(t testing.TB, user string) seedmail.Summary {
	t.Helper()
	sum, err := seedmail.WriteCompromised(d.MailDir(user))
	if err != nil {
		t.Fatal(err)
	}
	d.giveToMail(t, user)
	return sum
}

// giveToMail gives a user's files to the owner of the mail directory, if it is another than who runs the test.
func (d *DovecotServer) giveToMail(t testing.TB, user string) {
	t.Helper()
	out, err := exec.Command("stat", "-c", "%u %g", d.mailRoot).Output()
	if err != nil {
		t.Fatal(err)
	}
	owner := strings.Fields(string(out))
	uid, _ := strconv.Atoi(owner[0])
	gid, _ := strconv.Atoi(owner[1])
	if uid == os.Geteuid() {
		return
	}
	err = filepath.WalkDir(filepath.Join(d.mailRoot, user), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
	if err != nil {
		t.Fatal(err)
	}
}
