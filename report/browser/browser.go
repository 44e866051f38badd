package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// ErrNone says that no browser is installed that could print.
var ErrNone = errors.New("no Chromium, Chrome or Edge is installed here that could print a PDF")

// limit is how long a browser may take.
const limit = 90 * time.Second

// names are the programs that are looked for on the PATH, and then at their usual places.
func names() []string {
	all := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "microsoft-edge-stable", "msedge", "headless_shell"}
	switch runtime.GOOS {
	case "darwin":
		all = append(all, "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
			"/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge")
	case "windows":
		for _, base := range []string{os.Getenv("ProgramFiles"), os.Getenv("ProgramFiles(x86)")} {
			all = append(all, filepath.Join(base, `Google\Chrome\Application\chrome.exe`), filepath.Join(base, `Microsoft\Edge\Application\msedge.exe`))
		}
	}
	return all
}

// Find gives the program of a browser, or ErrNone.
func Find() (string, error) {
	for _, name := range names() {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// PDF prints an HTML page.
func PDF(ctx context.Context, program string, page []byte) ([]byte, error) {
	pdf, err := run(ctx, program, page, "out.pdf", "--no-pdf-header-footer", "--print-to-pdf=")
	if err == nil && !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		err = fmt.Errorf("%s made something that is no PDF", filepath.Base(program))
	}
	return pdf, err
}

// Screenshot draws the page as it is on a screen of that size: a PNG.
func Screenshot(ctx context.Context, program string, page []byte, width, height int, options ...string) ([]byte, error) {
	return run(ctx, program, page, "out.png", append(options, fmt.Sprintf("--window-size=%d,%d", width, height), "--hide-scrollbars", "--screenshot=")...)
}

// DOM gives the page as the browser has it after loading, scripts allowed: what runs in it leaves its trace there.
func DOM(ctx context.Context, program string, page []byte) ([]byte, error) {
	return run(ctx, program, page, "", "--dump-dom")
}

// run writes the page into a directory of its own, has the browser read it, and gives the file called out, or what was
// printed where out is empty. The last option gets the file's path.
func run(ctx context.Context, program string, page []byte, out string, options ...string) (result []byte, err error) {
	dir, err := os.MkdirTemp(shortDir(), "mbaudit-print-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove(dir)) }()
	file := filepath.Join(dir, "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	target := filepath.Join(dir, out)
	args := append(alone(dir), options...)
	if out != "" {
		args[len(args)-1] += target
	}
	cmd := exec.CommandContext(ctx, program, append(args, (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String())...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir, "TMPDIR="+dir)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, visible.Cut(strings.TrimSpace(stderr.String()), 300))
	}
	if out == "" {
		return stdout.Bytes(), nil
	}
	if result, err = os.ReadFile(target); err != nil {
		return nil, fmt.Errorf("%s printed nothing: %s", filepath.Base(program), visible.Cut(strings.TrimSpace(stderr.String()), 300))
	}
	return result, nil
}

// shortDir is where temporary files go. The browser's socket lies below it, and a socket's path has 108 bytes at most: where
// the directory for temporary files has a long name, /tmp is used.
func shortDir() string {
	const most = 40
	if info, err := os.Stat("/tmp"); len(os.TempDir()) > most && runtime.GOOS != "windows" && err == nil && info.IsDir() {
		return "/tmp"
	}
	return os.TempDir()
}

// remove tries more than once: a process of the browser may still be writing into its profile while it ends.
func remove(dir string) error {
	var err error
	for range 20 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// alone are the options that keep the browser from everything but the one file.
func alone(dir string) []string {
	args := []string{"--headless", "--disable-gpu", "--no-first-run", "--no-default-browser-check", "--user-data-dir=" + filepath.Join(dir, "profile"), "--incognito",
		"--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-extensions", "--disable-sync", "--disable-translate", "--disable-breakpad",
		"--disable-crash-reporter", "--disable-domain-reliability", "--disable-dev-shm-usage", "--metrics-recording-only", "--no-pings", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND"}
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // its sandbox refuses to run as root; the page is ours, has no script and loads nothing
	}
	return args
}
