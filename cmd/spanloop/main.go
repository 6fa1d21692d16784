// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command spanloop reads datasets and registries: coverage, comparisons, drift,
// replays, prompts and tools (docs/commands.md).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// version is set when the command is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now,
		Terminal: term.IsTerminal(int(os.Stdout.Fd())),
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		a.Width = width
	}
	code := run(ctx, a, os.Args[1:])
	stop()
	os.Exit(code)
}
