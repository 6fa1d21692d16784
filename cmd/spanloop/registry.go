// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
)

// shownProblems bounds how many problems a command prints beside its results.
const shownProblems = 10

// loadRegistry reads the registry. What is refused in it is said once; the rest
// is used.
func (a *app) loadRegistry() (*registry.Snapshot, error) {
	if info, err := os.Stat(a.Registry); err != nil || !info.IsDir() {
		return nil, usage(fmt.Errorf("registry %q: no such folder: name another one with --registry, or begin one with `spanloop prompt add NAME FILE`", a.Registry))
	}
	snapshot, problems := registry.Load(a.Registry)
	shown := 0
	for _, p := range problems {
		if p.Warning {
			continue
		}
		if shown++; shown > shownProblems {
			a.note("more problems in the registry: `spanloop prompt check` lists all")
			break
		}
		a.note("%s", p)
	}
	return snapshot, nil
}

// findPrompt returns a prompt, or an error that names similar ones.
func findPrompt(s *registry.Snapshot, name string) (*registry.Prompt, error) {
	if p := s.Prompt(name); p != nil {
		return p, nil
	}
	return nil, usage(fmt.Errorf("no prompt %q in the registry%s", name, suggest(name, promptNames(s))))
}

func promptNames(s *registry.Snapshot) []string {
	var names []string
	for _, p := range s.Prompts() {
		names = append(names, p.Name)
	}
	return names
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
// ones, up to a number of arguments, with that prompt's versions.
func (a *app) completePrompts(most int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		snapshot, _ := registry.Load(a.Registry)
		if len(args) == 0 {
			return promptNames(snapshot), cobra.ShellCompDirectiveNoFileComp
		}
		if p := snapshot.Prompt(args[0]); p != nil {
			return versionNames(p), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// author is who makes a change: the flag, git's user where the registry is, or
// the system's. A change is not held up for want of a name.
func (a *app) author(ctx context.Context, flag string) string {
	if flag != "" {
		return flag
	}
	git := exec.CommandContext(ctx, "git", "config", "user.name")
	if info, err := os.Stat(a.Registry); err == nil && info.IsDir() {
		git.Dir = a.Registry
	}
	if out, err := git.Output(); err == nil {
		if name := strings.TrimSpace(string(out)); name != "" {
			return name
		}
	}
	for _, variable := range []string{"USER", "LOGNAME", "USERNAME"} {
		if name := os.Getenv(variable); name != "" {
			return name
		}
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// at is the time of --at, or now.
func (a *app) at(text string) (time.Time, error) {
	if text == "" {
		return a.Now().UTC(), nil
	}
	return a.moment("--at", text)
}

// registryError is bad usage when the registry refused what was asked for, and
// a failure when it could not be read or written.
func registryError(err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	var link *os.LinkError
	var system *os.SyscallError
	if errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &system) {
		return err
	}
	return usage(err)
}

// readInput reads a file, or standard input for "-", of at most limit bytes.
func (a *app) readInput(name string, limit int64) ([]byte, error) {
	in, shown := a.In, "standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage(err)
		}
		defer f.Close()
		in, shown = f, name
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", shown, err)
	}
	if int64(len(text)) > limit {
		return nil, usage(fmt.Errorf("%s is larger than %d bytes", shown, limit))
	}
	return text, nil
}
