package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

func newPushCommand(t *terminal, g *global) *cobra.Command {
	var opts storeOptions
	cmd := &cobra.Command{
		Use:   "push BUNDLE s3://BUCKET/PREFIX|DIRECTORY",
		Short: "send a sealed bundle off this machine and lock it there",
		Long: `push copies a sealed bundle to S3, where each object is locked (Object Lock, compliance mode)
until the case's retention day, or to a directory. Pushing again sends only what is missing.
BUNDLE is the bundle's directory, or its id where it is one of the case.

The key comes from $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY or ~/.aws/credentials.`,
		Example: `  mbaudit push 01JD2… s3://evidence/2026-0042 --retain-until 2027-06-30`,
		Args:    exactArgs("BUNDLE", "s3://BUCKET/PREFIX"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPush(cmd.Context(), t, g, args[0], args[1], &opts)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runPush(ctx context.Context, t *terminal, g *global, bundle, location string, opts *storeOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	if bundle, err = findBundle(c, bundle); err != nil {
		return err
	}
	if !evidence.Signed(bundle) {
		return withHint(errors.New("the bundle is not sealed and signed yet"), "finish it: mbaudit collect --resume")
	}
	d, err := opts.open(ctx, t, c.Case, location)
	if err != nil {
		return err
	}
	if err := d.send(ctx, t, c, bundle); err != nil {
		return err
	}
	t.print("%s/%s", d.location, filepath.Base(bundle))
	return nil
}

// findBundle gives the directory of a bundle that is named by its path or by its id.
func findBundle(c *openCase, name string) (string, error) {
	for _, dir := range []string{name, c.path(casefile.BundlesName, name)} {
		if _, err := os.Stat(filepath.Join(dir, "opening.json")); err == nil {
			absolute, err := filepath.Abs(dir)
			return absolute, err
		}
	}
	return "", usageError(fmt.Errorf("there is no bundle %s", name), "name one of those in "+c.path(casefile.BundlesName))
}
