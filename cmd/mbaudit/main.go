package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() { os.Exit(mainStatus()) }

func mainStatus() int {
	// The first signal ends the work in good order: what was kept stays. A second one ends the program at once.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore)
	return run(ctx, system(), os.Args[1:])
}

// A terminal is the world of a run: streams, environment, clock. Tests make their own.
type terminal struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	now    func() time.Time
	until  func(ctx context.Context, at time.Time) error // waits for a time; nil waits in fact

	// readSecret asks for a secret without showing it; nil where nobody is there to be asked.
	readSecret func(prompt string) (string, error)
	// interactive says whether questions can be asked, progress whether a bar can be drawn.
	interactive, progress bool
	width                 int // of the screen, in characters

	followers []*follower // of the journals that this run writes to
}

func system() *terminal {
	t := &terminal{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now, width: 80}
	if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())) {
		t.interactive = true
		t.readSecret = func(prompt string) (string, error) {
			_, _ = io.WriteString(os.Stderr, prompt)
			value, err := term.ReadPassword(int(os.Stdin.Fd()))
			_, _ = io.WriteString(os.Stderr, "\n")
			return string(value), err
		}
	}
	if term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb" {
		t.progress = true
		if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && width > 0 {
			t.width = width
		}
	}
	return t
}
