// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
)

func newToolAddCommand(a *app) *cobra.Command {
	f := &addFlags{}
	cmd := &cobra.Command{
		Use:   "add NAME FILE|-",
		Short: "Register a version of a tool",
		Long: `Registers a definition: JSON in any of the shapes that providers use, with a name, a
description and an input schema. Spans that offered it are shown under the version
from then on. A version is never overwritten.`,
		Example: `  spanloop tool add search_docs search_docs.json -m 'Also answers about single orders'
  spanloop tool log search_docs --format json | jq '.versions[0].definition' | spanloop tool add search_docs -`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			definition, err := a.readInput(args[1], maxPromptFile)
			if err != nil {
				return err
			}
			if !json.Valid(definition) {
				return usage(fmt.Errorf("%s: not valid JSON: a tool definition is an object with name, description and parameters", args[1]))
			}
			at, err := a.at(f.at)
			if err != nil {
				return err
			}
			added, err := registry.AddTool(a.Registry, registry.NewTool{
				Name: args[0], Version: f.version, Author: a.author(cmd.Context(), f.author), Message: f.message, Time: at, Definition: definition,
			})
			if err != nil {
				return registryError(err)
			}
			return a.added("spanloop.tool.add/1", "tool", args[0], versionInfo{
				Version: added.Version, Time: added.Time.UTC(), Author: added.Author, Message: added.Message, Hash: added.Hash, File: added.File,
			})
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.completeTools(1)(cmd, args, word)
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f.register(cmd)
	return cmd
}
