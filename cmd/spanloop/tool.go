// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newToolCommand(*app) *cobra.Command {
	return &cobra.Command{Use: "tool", Short: "Versions of tools", Args: cobra.NoArgs}
}
