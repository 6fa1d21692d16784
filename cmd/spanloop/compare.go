// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newCompareCommand(*app) *cobra.Command {
	return &cobra.Command{Use: "compare PROMPT A B", Short: "Say whether version B of a prompt is better than version A", Args: cobra.ExactArgs(3)}
}
