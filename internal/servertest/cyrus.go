package servertest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// A CyrusServer is a running Cyrus IMAP. Its accounts hold the empty folders Archive, Drafts, Junk, Sent and Trash, and
// bob has a folder Projets, which alice may read.
type CyrusServer struct {
	Host      string // "localhost"; 127.0.0.1 is in the certificate too
	IMAPPort  int    // STARTTLS, and LOGIN in clear
	IMAPSPort int
	SievePort int // STARTTLS, and AUTHENTICATE in clear

	// StrictHost and StrictPort refuse LOGIN before STARTTLS (LOGINDISABLED).
	StrictHost string
	StrictPort int

	CAFile    string   // the authority of the server's certificate, PEM
	Users     []string // alice, bob: names without a domain
	Password  string   // of everyone
	Admin     string   // may do anything to any mailbox, and has none
	ProxyUser string   // logs in for another by SASL PLAIN with the other as the authorisation identity

	Separator  string // of the levels of folders' names: "." or "/"
	Prefix     string // of a user's own folders below INBOX: "INBOX." or ""
	OtherUsers string // prefix of other users' folders: "user." or "Other Users/"

	Dir      string // everything of the server's
	MailRoot string // below it is one file for each message; expunged ones stay for a while
	Conf     string // imapd.conf

	programs, libraries string // directories of Cyrus' own
	user                string // whom it runs as
}

// Cyrus starts a fresh Cyrus for the test. Folders are named as Debian sets it up: INBOX.Sent, user.bob.Projets.
func Cyrus(t testing.TB) *CyrusServer {
	t.Helper()
	return startCyrus(t)
}

// CyrusModern starts a fresh Cyrus that names folders by its own defaults: Sent, Other Users/bob/Projets.
func CyrusModern(t testing.TB) *CyrusServer {
	t.Helper()
	return startCyrus(t, "modern")
}

func startCyrus(t testing.TB, naming ...string) *CyrusServer {
	t.Helper()
	needPrograms(t, "cyrus", "openssl")
	s := start(t, "cyrus", "cyrus.sh", naming...) // says itself what is missing: Cyrus' programs are in no PATH
	return &CyrusServer{
		Host:       s["CYRUS_HOST"],
		IMAPPort:   s.port(t, "CYRUS_IMAP_PORT"),
		IMAPSPort:  s.port(t, "CYRUS_IMAPS_PORT"),
		SievePort:  s.port(t, "CYRUS_SIEVE_PORT"),
		StrictHost: s["CYRUS_STRICT_HOST"],
		StrictPort: s.port(t, "CYRUS_STRICT_PORT"),
		CAFile:     s["CYRUS_CA_FILE"],
		Users:      strings.Fields(s["CYRUS_USERS"]),
		Password:   s["CYRUS_PASSWORD"],
		Admin:      s["CYRUS_ADMIN"],
		ProxyUser:  s["CYRUS_PROXY_USER"],
		Separator:  s["CYRUS_SEPARATOR"],
		Prefix:     s["CYRUS_PREFIX"],
		OtherUsers: s["CYRUS_OTHER_USERS"],
		Dir:        s["CYRUS_DIR"],
		MailRoot:   s["CYRUS_MAIL_ROOT"],
		Conf:       s["CYRUS_CONF"],
		programs:   s["CYRUS_PROGRAMS"],
		libraries:  s["CYRUS_LIBRARIES"],
		user:       s["CYRUS_USER"],
	}
}

// TLS returns a configuration that trusts the server and names it Host.
func (c *CyrusServer) TLS(t testing.TB) *tls.Config {
	t.Helper()
	config := trust(t, c.CAFile)
	config.ServerName = c.Host
	return config
}

// Folder returns the name on the server of a user's own folder, whose levels are parted by "/" in name.
func (c *CyrusServer) Folder(name string) string {
	if name == "INBOX" {
		return name
	}
	return c.Prefix + strings.ReplaceAll(name, "/", c.Separator)
}

// Do logs in and sends commands as they are written, one after the other. Each must be answered with OK. It returns all
// that the server sent in answer to them, for example to CREATE, SETACL, SETQUOTA or SETMETADATA by Admin or a user.
func (c *CyrusServer) Do(t testing.TB, user string, commands ...string) string {
	t.Helper()
	conn := c.dial(t, user)
	defer conn.close()
	var all strings.Builder
	for _, command := range commands {
		answer, status := conn.do(command + "\r\n")
		if !strings.HasPrefix(status, "OK") {
			t.Fatalf("Cyrus answers %s to %s of %s", status, command, user)
		}
		all.WriteString(answer)
	}
	return all.String()
}

// Append puts messages into a user's folder, which may be of any name on the server, with their flags and dates. It
// returns those that the server took: Cyrus refuses an empty one, NUL, a line that ends with LF alone, and a header line
// without a colon.
func (c *CyrusServer) Append(t testing.TB, user, folder string, messages ...seedmail.Message) (taken []seedmail.Message) {
	t.Helper()
	conn := c.dial(t, user)
	defer conn.close()
	for {
		// Cyrus writes to the disk with each command, so that as many messages as it may take go in one (MULTIAPPEND,
		// RFC 3502), of which it takes all or none.
		n := 0
		for n < len(messages) && ordinary(messages[n]) {
			n++
		}
		together := messages[:min(max(n, 1), len(messages))]
		if len(together) == 0 {
			return taken
		}
		_, status := conn.do(appendCommand(folder, together))
		switch {
		case strings.HasPrefix(status, "OK"):
			taken = append(taken, together...)
		case !strings.HasPrefix(status, "NO") || n > 0:
			t.Fatalf("Cyrus answers %s to APPEND of %d messages to %s", status, len(together), folder)
		}
		messages = messages[len(together):]
	}
}

// ordinary says that every server takes a message: what is left out may be taken or not.
func ordinary(m seedmail.Message) bool {
	return !m.Kind.Broken() && m.Kind != seedmail.Duplicate && len(m.Raw) > 0 && bytes.Equal(m.Raw, seedmail.OnWire(m.Raw))
}

func appendCommand(folder string, messages []seedmail.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "APPEND %q", folder)
	for _, m := range messages {
		fmt.Fprintf(&b, " (%s) \"%s\" {%d+}\r\n%s", strings.Join(m.Flags, " "), m.InternalDate.Format("_2-Jan-2006 15:04:05 -0700"), len(m.Raw), m.Raw)
	}
	b.WriteString("\r\n")
	return b.String()
}

// Seed appends the messages of a Spec to a user's folders, which are made where they are missing, and returns those that
// the server took. The Spec names its Folders, by characters that Cyrus allows.
func (c *CyrusServer) Seed(t testing.TB, user string, spec seedmail.Spec) (taken []seedmail.Message) {
	t.Helper()
	if spec.Owner == "" {
		spec.Owner = user + "@example.test"
	}
	byFolder := map[string][]seedmail.Message{}
	for m := range seedmail.Mailbox(spec) {
		byFolder[m.Folder] = append(byFolder[m.Folder], m)
	}
	there := c.Do(t, user, `LIST "" "*"`)
	for _, folder := range spec.Folders {
		name := c.Folder(folder)
		if !strings.Contains(there, " "+name+"\r\n") && !strings.Contains(there, ` "`+name+"\"\r\n") {
			c.Do(t, user, `CREATE "`+name+`"`)
		}
		taken = append(taken, c.Append(t, user, name, byFolder[folder]...)...)
	}
	return taken
}

// PutScript puts a Sieve script by ManageSieve (RFC 5804) and, if it shall, makes it the active one.
func (c *CyrusServer) PutScript(t testing.TB, user, name, script string, active bool) {
	t.Helper()
	conn := dialLines(t, func() (net.Conn, error) {
		return net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.SievePort)))
	})
	defer conn.close()
	conn.sieveReply("the greeting")
	login := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + c.Password))
	conn.sieve("AUTHENTICATE", fmt.Sprintf("AUTHENTICATE \"PLAIN\" \"%s\"\r\n", login))
	conn.sieve("PUTSCRIPT", fmt.Sprintf("PUTSCRIPT \"%s\" {%d+}\r\n%s\r\n", name, len(script), script))
	if active {
		conn.sieve("SETACTIVE", fmt.Sprintf("SETACTIVE \"%s\"\r\n", name))
	}
}

// CheckConf returns what Cyrus' own check finds wrong with the text of an imapd.conf, nothing where all is well.
func (c *CyrusServer) CheckConf(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "imapd.conf")
	if err := os.WriteFile(file, []byte("cyrus_user: "+c.user+"\n"+text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(c.programs, "cyr_info"), "-C", file, "-M", os.DevNull, "conf-lint")
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+c.libraries)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

// messageFile matches the names of files in which Cyrus keeps messages.
var messageFile = regexp.MustCompile(`^[0-9]+\.$`)

// Files returns the path and SHA-256 of each message file of all users, one to a line, sorted.
func (c *CyrusServer) Files(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(c.MailRoot, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !messageFile.MatchString(e.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// LogCommands makes Cyrus keep what clients say in the sessions that a user opens from now on, until the test ends.
func (c *CyrusServer) LogCommands(t testing.TB, user string) {
	t.Helper()
	dir := c.commandLog(user)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // imapd writes it as its own user
		t.Fatal(err)
	}
}

// Commands returns what clients said since LogCommands, and what they were answered, as Cyrus wrote it down.
func (c *CyrusServer) Commands(t testing.TB, user string) string {
	t.Helper()
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join(c.commandLog(user), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

func (c *CyrusServer) commandLog(user string) string {
	return filepath.Join(filepath.Dir(c.Conf), "conf", "log", user)
}

// A lineConn is a connection to a server that speaks in lines. Whatever goes wrong ends the test.
type lineConn struct {
	t    testing.TB
	nc   net.Conn
	r    *bufio.Reader
	tags int
}

func dialLines(t testing.TB, dial func() (net.Conn, error)) *lineConn {
	t.Helper()
	nc, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &lineConn{t: t, nc: nc, r: bufio.NewReader(nc)}
}

// dial connects to the imaps port and logs in.
func (c *CyrusServer) dial(t testing.TB, user string) *lineConn {
	t.Helper()
	config := c.TLS(t)
	conn := dialLines(t, func() (net.Conn, error) {
		return tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.IMAPSPort)), config)
	})
	conn.line()
	if _, status := conn.do(fmt.Sprintf("LOGIN %s \"%s\"\r\n", user, c.Password)); !strings.HasPrefix(status, "OK") {
		t.Fatalf("Cyrus answers %s to the login of %s", status, user)
	}
	return conn
}

func (l *lineConn) close() { _ = l.nc.Close() }

func (l *lineConn) line() string {
	l.t.Helper()
	line, err := l.r.ReadString('\n')
	if err != nil {
		l.t.Fatal(err)
	}
	return line
}

// do sends one IMAP command, whose last line is ended, and returns the untagged answers and what follows the tag.
func (l *lineConn) do(command string) (answer, status string) {
	l.t.Helper()
	l.tags++
	tag := fmt.Sprintf("t%d ", l.tags)
	if _, err := io.WriteString(l.nc, tag+command); err != nil {
		l.t.Fatal(err)
	}
	var all strings.Builder
	for {
		line := l.line()
		if status, ok := strings.CutPrefix(line, tag); ok {
			return all.String(), strings.TrimSpace(status)
		}
		all.WriteString(line)
	}
}

// sieve sends one ManageSieve command, which must succeed.
func (l *lineConn) sieve(name, command string) {
	l.t.Helper()
	if _, err := io.WriteString(l.nc, command); err != nil {
		l.t.Fatal(err)
	}
	l.sieveReply(name)
}

func (l *lineConn) sieveReply(to string) {
	l.t.Helper()
	for {
		line := l.line()
		switch {
		case strings.HasPrefix(line, "OK"):
			return
		case strings.HasPrefix(line, "NO"), strings.HasPrefix(line, "BYE"):
			l.t.Fatalf("timsieved answers %s to %s", strings.TrimSpace(line), to)
		}
	}
}
