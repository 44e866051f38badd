package main

import (
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal/export"
)

func newLogCommand(t *terminal, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "the logbook (main courante): add, list, verify, anchor, export, import, push",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newLogAddCommand(t, g),
		newLogListCommand(t, g),
		newLogVerifyCommand(t, g),
		newLogAnchorCommand(t, g),
		newLogExportCommand(t, g),
		newLogImportCommand(t, g),
		newLogPushCommand(t, g),
	)
	return cmd
}

// recorder is who writes: the person at the keyboard, who may be another than the case's operator.
func recorder(c *openCase) string {
	u, err := user.Current()
	if err != nil || u.Username == "root" || u.Name == c.Operator.Name || u.Username == c.Operator.Name {
		return c.Operator.Name
	}
	return loginName()
}

// zone is the time zone in which the case's times are shown and typed.
func (c *openCase) zone() (*time.Location, error) { return time.LoadLocation(c.TimeZone) }

// words chooses between two wordings by the case's language.
func (c *openCase) words(english, french string) string {
	if c.Language == export.French {
		return french
	}
	return english
}
