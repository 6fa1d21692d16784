// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
)

// loadRegistry reads the registry. What is broken in it is said once; the rest
// is used.
func (a *app) loadRegistry() (*registry.Snapshot, error) {
	if _, err := os.Stat(a.Registry); err != nil {
		return nil, usage(fmt.Errorf("registry %q: %w: name another folder with --registry, or make one with `spanloop prompt add`", a.Registry, err))
	}
	snapshot, problems := registry.Load(a.Registry)
	for _, p := range problems {
		a.note("%s", p)
	}
	return snapshot, nil
}

// findPrompt returns a prompt, or an error that names similar ones.
func findPrompt(s *registry.Snapshot, name string) (*registry.Prompt, error) {
	if p := s.Prompt(name); p != nil {
		return p, nil
	}
	var names []string
	for _, p := range s.Prompts() {
		names = append(names, p.Name)
	}
	return nil, usage(fmt.Errorf("no prompt %q in the registry%s", name, suggest(name, names)))
}

// findVersion returns a version of a prompt; empty means the latest.
func findVersion(p *registry.Prompt, version string) (*registry.Version, error) {
	if version == "" {
		if latest := p.Latest(); latest != nil {
			return latest, nil
		}
		return nil, usage(fmt.Errorf("prompt %q has no version", p.Name))
	}
	if v := p.Version(version); v != nil {
		return v, nil
	}
	return nil, usage(fmt.Errorf("prompt %q has no version %q%s", p.Name, version, suggest(version, versionNames(p))))
}

func versionNames(p *registry.Prompt) []string {
	var names []string
	for _, v := range p.Versions {
		names = append(names, v.Version)
	}
	return names
}

// completePrompts completes the first argument with prompt names and further
// ones with that prompt's versions.
func (a *app) completePrompts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	snapshot, _ := registry.Load(a.Registry)
	if len(args) == 0 {
		var names []string
		for _, p := range snapshot.Prompts() {
			names = append(names, p.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	if p := snapshot.Prompt(args[0]); p != nil {
		return versionNames(p), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// author is who makes a change: the flag, git's user, or the system's.
func author(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if out, err := exec.Command("git", "config", "user.name").Output(); err == nil {
		if name := strings.TrimSpace(string(out)); name != "" {
			return name, nil
		}
	}
	if name := os.Getenv("USER"); name != "" {
		return name, nil
	}
	return "", usage(errors.New("who makes the change? name an --author"))
}
