// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newDriftCommand(*app) *cobra.Command {
	return &cobra.Command{Use: "drift PROMPT [VERSION]", Short: "Say what changed under a prompt version that did not", Args: cobra.RangeArgs(1, 2)}
}
