// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newToolCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tool",
		Short: "List and compare versions of tools, registered or seen in traffic",
		Long: `Reads the tools of the registry and those that the spans of the dataset offered to
a model. Either is enough. A tool that is registered has the version name of its
file; one that was only seen has the first 12 hex digits of its hash.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newToolListCommand(a), newToolLogCommand(a), newToolDiffCommand(a), newToolUsersCommand(a), newToolCheckCommand(a), newToolAddCommand(a),
		newToolImportCommand(a),
	)
	return cmd
}
