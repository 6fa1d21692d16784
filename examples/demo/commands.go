// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// spanloop runs the built command.
type spanloop struct {
	path, dataset, registry string
	env                     []string
	out                     io.Writer
	bold                    func(string) string
}

func newSpanloop(p *programs, out io.Writer, bold func(string) string) *spanloop {
	return &spanloop{
		path: filepath.Join(p.bin, "spanloop"), dataset: p.dataset(), registry: p.folder.registry(), env: p.offline(), out: out, bold: bold,
	}
}

// line is a command as it can be pasted into a shell.
func (s *spanloop) line(args ...string) string {
	words := append([]string{s.program()}, s.complete(args)...)
	for i, word := range words {
		words[i] = quote(word)
	}
	return strings.Join(words, " ")
}

// program is the command's path: with a slash, so that a shell does not search
// for it.
func (s *spanloop) program() string {
	if strings.ContainsRune(s.path, filepath.Separator) {
		return s.path
	}
	return "." + string(filepath.Separator) + s.path
}

// needRegistry are the commands that read the registry.
var needRegistry = []string{"replay", "prompt", "tool"}

func (s *spanloop) complete(args []string) []string {
	args = append(slices.Clone(args), "--dataset", s.dataset)
	if slices.Contains(needRegistry, args[0]) {
		args = append(args, "--registry", s.registry)
	}
	return args
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// show prints a command line and what the command prints.
func (s *spanloop) show(ctx context.Context, args ...string) error {
	fmt.Fprintf(s.out, "\n%s\n", s.bold("$ "+s.line(args...)))
	cmd := s.command(ctx, args)
	cmd.Stdout, cmd.Stderr = s.out, s.out
	return s.finish(cmd, args)
}

// read runs a command with JSON output.
func (s *spanloop) read(ctx context.Context, into any, args ...string) error {
	args = append(slices.Clone(args), "--format", "json")
	cmd := s.command(ctx, args)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := s.finish(cmd, args); err != nil {
		return fmt.Errorf("%w\n%s", err, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("%s: %w", s.line(args...), err)
	}
	return nil
}

func (s *spanloop) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.program(), s.complete(args)...)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// finish runs a command. A finding (1) and "cannot tell" (3) are answers.
func (s *spanloop) finish(cmd *exec.Cmd, args []string) error {
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 3) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.line(args...), err)
	}
	return nil
}
