// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/spf13/cobra"

func newPromptCommand(*app) *cobra.Command {
	return &cobra.Command{Use: "prompt", Short: "Versions of prompts", Args: cobra.NoArgs}
}
