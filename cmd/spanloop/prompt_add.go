// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// maxPromptFile bounds a prompt that is added, in bytes.
const maxPromptFile = 4 << 20

// addFlags are the flags of `prompt add` and `tool add`.
type addFlags struct {
	version, author, message, at string
}

func (f *addFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.version, "version", "", "name of the `version`; the next number when not given")
	flags.StringVar(&f.author, "author", "", "who made it (default git's user.name, else the system's user)")
	flags.StringVarP(&f.message, "message", "m", "", "what changed and why")
	flags.StringVar(&f.at, "at", "", "when it was made: a `time`, instead of now")
}

func newPromptAddCommand(a *app) *cobra.Command {
	f := &addFlags{}
	var parent, params, format, role, language string
	cmd := &cobra.Command{
		Use:   "add NAME FILE|-",
		Short: "Add a version of a prompt",
		Long: `Adds a version, and the prompt itself when it is new. FILE, or standard input,
is the template, which becomes the system message. A file that ends in .yaml or
.yml is a whole version instead, with template or messages, params and
response_format, as docs/registry.md describes; flags stand before what it says.

A version is never overwritten. Partials that the template names without a
version are pinned to their newest one. The new version serves nobody before
` + "`spanloop prompt release`" + `.`,
		Example: `  spanloop prompt add support-agent prompt.txt -m 'Ask for the order id first'
  spanloop prompt add support-agent v4.yaml --version v4
  spanloop prompt add greeting greeting.txt --template-format f-string
  echo 'Summarise: {{text}}' | spanloop prompt add summary - --role user --params '{"temperature": 0}'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := a.readVersion(args[1], role)
			if err != nil {
				return err
			}
			v.Prompt = args[0]
			v.Parent, v.Format = orDefault(parent, v.Parent), orDefault(language, v.Format)
			if language != "" && !slices.Contains(registry.Formats(), language) {
				return usage(fmt.Errorf("--template-format %q: it is none of %s%s", language, strings.Join(registry.Formats(), ", "), suggest(language, registry.Formats())))
			}
			if v.Params, err = jsonFlag("--params", params, v.Params); err != nil {
				return err
			}
			if v.ResponseFormat, err = jsonFlag("--response-format", format, v.ResponseFormat); err != nil {
				return err
			}
			v.Version, v.Message = orDefault(f.version, v.Version), orDefault(f.message, v.Message)
			v.Author = a.author(cmd.Context(), orDefault(f.author, v.Author))
			if f.at != "" || v.Time.IsZero() {
				if v.Time, err = a.at(f.at); err != nil {
					return err
				}
			}
			added, err := registry.AddVersion(a.Registry, v)
			if err != nil {
				return registryError(err)
			}
			return a.added("spanloop.prompt.add/1", "prompt", v.Prompt, newVersionInfo(added))
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.completePrompts(1)(cmd, args, word)
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&parent, "parent", "", "the `version` it was made from (default the latest)")
	cmd.Flags().StringVar(&params, "params", "", "request parameters as a `JSON` object")
	cmd.Flags().StringVar(&format, "response-format", "", "response format as `JSON`")
	cmd.Flags().StringVar(&language, "template-format", "", "template `language`: "+strings.Join(registry.Formats(), ", ")+" (default the one of the version before, else mustache)")
	_ = cmd.RegisterFlagCompletionFunc("template-format", cobra.FixedCompletions(registry.Formats(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringVar(&role, "role", "", "role of the template's message; without it the template is the system text")
	return cmd
}

// readVersion reads a template, or a whole version in YAML.
func (a *app) readVersion(file, role string) (registry.NewVersion, error) {
	text, err := a.readInput(file, maxPromptFile)
	if err != nil {
		return registry.NewVersion{}, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if end := filepath.Ext(file); end == ".yaml" || end == ".yml" {
		if role != "" {
			return registry.NewVersion{}, usage(errors.New("--role: a version in YAML names its roles itself"))
		}
		v, err := registry.ReadVersion(file, text)
		if err != nil {
			return v, usage(err)
		}
		return v, nil
	}
	if strings.TrimSpace(string(text)) == "" {
		return registry.NewVersion{}, usage(fmt.Errorf("%s: the template is empty", file))
	}
	if role != "" {
		return registry.NewVersion{Messages: []registry.TemplateMessage{{Role: role, Content: string(text)}}}, nil
	}
	return registry.NewVersion{Template: string(text)}, nil
}

func orDefault(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

// jsonFlag is the JSON of a flag, or what stands without it.
func jsonFlag(name, value string, otherwise json.RawMessage) (json.RawMessage, error) {
	if value == "" {
		return otherwise, nil
	}
	if !json.Valid([]byte(value)) {
		return nil, usage(fmt.Errorf("%s %q is not valid JSON", name, value))
	}
	return json.RawMessage(value), nil
}

// added prints what was written.
func (a *app) added(schema, noun, name string, v versionInfo) error {
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, schema, map[string]any{noun: name, "added": v})
	}
	return a.print(&report.Table{
		Title:   fmt.Sprintf("%s@%s added", name, v.Version),
		Columns: []report.Column{{Name: noun}, {Name: "version"}, {Name: "parent"}, {Name: "author"}, {Name: "hash"}, {Name: "file"}},
		Rows: [][]report.Cell{{
			report.Text(name), report.Text(v.Version), report.Text(v.Parent), report.Text(v.Author),
			{Text: registry.ShortHash(v.Hash), Value: v.Hash}, report.Text(v.File),
		}},
	})
}
