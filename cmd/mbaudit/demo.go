package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/demo"
)

func newDemoCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "the whole story on embedded servers, no set-up",
		Long: `demo starts an IMAP server with a mailbox that was taken over, a stand-in for the Google
Workspace of the same account and a time-stamping authority, all inside this program, and
runs the real commands on them: init, log, collect, push to a directory, verify, qualify,
report, contain and contain verify, and the report again. It asks nothing and leaves a case directory to look at (--case DIR, or a
new one under the current directory).`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runDemo(cmd.Context(), t, g) },
	}
}

func runDemo(ctx context.Context, t *terminal, g *global) error {
	dir := g.caseDir
	if dir == "" {
		dir = "mbaudit-demo-" + t.now().Format("20060102-150405")
	}
	if _, err := os.Stat(dir); err == nil {
		return withHint(fmt.Errorf("%s is there already", dir), "name a new directory: mbaudit demo --case DIR")
	}
	servers, err := demo.Start(t.now())
	if err != nil {
		return fmt.Errorf("starting the demo's servers: %w", err)
	}
	d := &demonstration{ctx: ctx, dir: dir, servers: servers}
	return errors.Join(d.play(t), servers.Stop())
}

// A demonstration runs real command lines one after the other, in a world whose environment holds what a person would
// have typed or exported.
type demonstration struct {
	ctx     context.Context
	dir     string
	servers *demo.Servers
}

func (d *demonstration) play(t *terminal) error {
	inside := *t
	inside.interactive, inside.readSecret, inside.progress = false, nil, false
	inside.getenv = func(name string) string {
		switch name {
		case "MBAUDIT_IMAP_PASSWORD":
			return demo.Password
		case "MBAUDIT_CONFIG":
			return filepath.Join(d.dir, "demo", "config")
		case googleEndpointVariable:
			return d.servers.Google
		case googleKeyVariable, googleWriteKeyVariable: // a real tenant has two: what collects must not be able to change anything
			return filepath.Join(d.dir, "demo", "google-key.json")
		}
		return ""
	}
	copyTo := filepath.Join(d.dir, "demo", "copy")
	caFile, tsaFile := filepath.Join(d.dir, "demo", "imap-ca.pem"), filepath.Join(d.dir, "demo", "tsa-root.pem")
	t.print("%s: %d messages on an embedded IMAP server; its owner reports replies to mails that she did not send.", demo.Account, d.servers.Messages)
	if err := d.run(&inside, "init", d.dir, "--operator", "Demo Operator", "--organisation", "Example", "--informant", "Alice Martin",
		"--report", "clients answer an invoice that I did not send", "--domain", "example.test", "--time-zone", "Europe/Paris"); err != nil {
		return err
	}
	if err := d.writeFiles(map[string][]byte{caFile: d.servers.CAPEM, tsaFile: d.servers.TSARoot,
		filepath.Join(d.dir, "demo", "google-key.json"): d.servers.GoogleKey}); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"log", "add", "--case", d.dir, "--type", "decision", "--informant", "Demo Operator", "collect first, change nothing yet"},
		{"collect", "--case", d.dir, "--account", demo.Account, "--imap", d.servers.IMAP, "--tls-ca", caFile, "--messages", "raw",
			"--tsa", d.servers.TSA, "--push", copyTo},
		{"collect", "--case", d.dir, "--account", demo.Account, "--workspace", "--google-admin", demo.GoogleAdmin, "--google-quota", "100",
			"--tsa", d.servers.TSA, "--push", copyTo},
		{"verify", "--case", d.dir, "--tsa-ca", tsaFile, d.dir},
		{"verify", "--case", d.dir, "--tsa-ca", tsaFile, copyTo},
		{"qualify", "--case", d.dir},
		{"report", "--case", d.dir, "--lang", "fr"},
		{"export", "--case", d.dir, "--format", "contacts"},
		{"export", "--case", d.dir, "--format", "stix", "--audience", "partenaire"},
		{"contain", "--case", d.dir, "--account", demo.Account, "--google-admin", demo.GoogleAdmin},
	} {
		if err := d.run(&inside, args...); err != nil {
			return err
		}
	}
	if err := d.contain(&inside); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"qualify", "--case", d.dir, "--content"},
		{"report", "--case", d.dir, "--lang", "fr"},
		{"report", "--case", d.dir, "--lang", "en"},
		{"log", "verify", "--case", d.dir},
	} {
		if err := d.run(&inside, args...); err != nil {
			return err
		}
	}
	return d.whatToLookAt(t)
}

// contain applies the plan that was just made, as a person would who has read it, and looks again. What the look finds is
// part of the story: an intruder may still be there.
func (d *demonstration) contain(t *terminal) error {
	plans, err := filepath.Glob(filepath.Join(d.dir, containmentName, "plan-*.json"))
	if err != nil || len(plans) == 0 {
		return errors.Join(err, errors.New("the demo has no plan"))
	}
	file, err := os.ReadFile(plans[0])
	if err != nil {
		return err
	}
	if err := d.run(t, "contain", "--case", d.dir, "--apply", plans[0], "--google-admin", demo.GoogleAdmin, "--tsa", d.servers.TSA, "--yes", containment.Hash(file)); err != nil {
		return err
	}

	return d.run(t, "contain", "verify", "--case", d.dir, "--google-admin", demo.GoogleAdmin)
}

func (d *demonstration) writeFiles(files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Join(d.dir, "demo"), 0o700); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// run shows a command line as it would be typed and executes it.
func (d *demonstration) run(t *terminal, args ...string) error {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if strings.ContainsAny(arg, " ,") {
			shown[i] = "'" + arg + "'"
		}
	}
	t.print("\n$ mbaudit %s", strings.Join(shown, " "))
	if status := run(d.ctx, t, args); status != statusDone {
		return fmt.Errorf("mbaudit %s ended with status %d", args[0], status)
	}
	return nil
}

func (d *demonstration) whatToLookAt(t *terminal) error {
	bundles, err := bundlesIn(d.dir)
	if err != nil {
		return err
	}
	bundle := bundles[0]
	t.print("\nWhat to look at:")
	for _, line := range [][2]string{
		{"unzip -l " + filepath.Join(bundle, "data/segments/000001.zip"), "the messages and settings, byte for byte"},
		{"less " + filepath.Join(bundle, "data/logs/coverage.tsv"), "what was asked, got and not got"},
		{"less " + filepath.Join(bundle, "acquisition.json"), "who, when, with what, which clocks"},
		{"sh " + filepath.Join(bundle, "verify.sh"), "the same check with the system's own tools"},
		{filepath.Join(d.dir, "reports"), "the report, in French and English: open it in a browser"},
		{filepath.Join(d.dir, exportsName), "whom to warn, with letters; indicators: see mbaudit export --help"},
		{"mbaudit log list --case " + d.dir, "the logbook, written by itself"},
	} {
		t.print("  %s\n      %s", line[0], line[1])
	}
	t.print("The timestamps here are by an authority inside the demo: no third party.")
	t.print("The demo's case is in %s", d.dir)
	return nil
}
