// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/replay"
)

func (f *replayFlags) checkUsage(a *app, args []string) error {
	switch {
	case len(args) == 0 && f.worst == "":
		return errors.New("replay: a span id is expected, or --worst SCORE:PROMPT@VERSION")
	case len(args) == 1 && f.worst != "":
		return errors.New("replay: a span id and --worst exclude each other")
	case f.runs < 1 || f.runs > 1000:
		return fmt.Errorf("replay: -n %d: 1 to 1000 runs are expected", f.runs)
	case f.concurrency < 1 || f.concurrency > 64:
		return fmt.Errorf("replay: --concurrency %d: 1 to 64 is expected", f.concurrency)
	case f.export != "" && !slices.Contains([]string{"otlp", "dataset", "none"}, f.export):
		return fmt.Errorf("replay: --export %q: otlp, dataset or none is expected", f.export)
	case a.Format != "table" && a.Format != "json":
		return fmt.Errorf("replay: --format %s: table or json is expected", a.Format)
	case f.commit && len(f.edits) == 0:
		return errors.New("replay: --commit needs --edit: there is no new prompt text otherwise")
	case f.commit && (f.check || f.dryRun):
		return errors.New("replay: --commit needs runs; leave out --check and --dry-run")
	}
	return nil
}

// changes reads the flags that say what is changed.
func (f *replayFlags) changes(snapshot *registry.Snapshot) (replay.Changes, error) {
	c := replay.Changes{PromptVersion: f.promptVersion, Model: f.model}
	var err error
	if c.Variables, err = pairs("--set", f.sets); err != nil {
		return c, err
	}
	if c.Params, err = pairs("--param", f.params); err != nil {
		return c, err
	}
	for _, text := range f.edits {
		edits, err := readEdit(text)
		if err != nil {
			return c, err
		}
		c.Edits = append(c.Edits, edits...)
	}
	tools, err := pairs("--tool", f.tools)
	if err != nil {
		return c, err
	}
	c.Tools = map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		version, registered := strings.CutPrefix(tools[name], "@")
		if !registered {
			if c.Tools[name], err = os.ReadFile(tools[name]); err != nil {
				return c, usage(fmt.Errorf("--tool %s: %w", name, err))
			}
			continue
		}
		found := snapshot.Tool(name).Version(version)
		if found == nil {
			return c, usage(fmt.Errorf("--tool %s: the registry has no version %q of it", name, version))
		}
		c.Tools[name] = found.Definition
	}
	return c, nil
}

func readEdit(text string) ([]replay.Edit, error) {
	file, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		edit, err := replay.ParseEdit(text)
		return []replay.Edit{edit}, err
	}
	patch, err := os.ReadFile(file)
	if err != nil {
		return nil, usage(fmt.Errorf("--edit: %w", err))
	}
	return replay.ParsePatch(string(patch))
}

// pairs reads name=value flags.
func pairs(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, usage(fmt.Errorf("%s %q: name=value is expected", flag, text))
		}
		out[name] = value
	}
	return out, nil
}
