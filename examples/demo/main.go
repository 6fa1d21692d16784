// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command demo runs the whole loop once: it starts the built collector, lets the
// example agent make traffic with planted changes, and shows with the spanloop
// command what came out. It checks that the command finds what was planted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"
)

// Exit codes.
const (
	exitDone    = 0
	exitMissing = 1
	exitUsage   = 2
	exitFailed  = 4
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Errors with exit codes of their own.
var (
	errUsage   = errors.New("usage")
	errMissing = errors.New("not every planted change was found")
)

// settings are the flags and the environment, checked.
type settings struct {
	bin, dir, registry, config string
	seed                       uint64
	sessions                   int
	// real is true when a real provider answers; baseURL and model are then
	// what the environment says.
	real           bool
	baseURL, model string
	color          bool
}

// Defaults of the flags.
const (
	defaultDir      = "spanloop-demo"
	defaultRegistry = "examples/registry"
	defaultConfig   = "examples/collector/config.yaml"
	// realModel is asked for at a real provider when OPENAI_MODEL is not set.
	realModel = "gpt-4o-mini"
	openAI    = "https://api.openai.com/v1"
)

func run(ctx context.Context, args []string, env func(string) string, out, errs io.Writer) int {
	s, err := parse(args, env, errs)
	if err == nil {
		s.color = s.color && isTerminal(out)
		err = newDemo(s, out).run(ctx)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errMissing):
		fmt.Fprintln(errs, "demo:", err)
		return exitMissing
	case errors.Is(err, errUsage):
		fmt.Fprintln(errs, "demo:", err)
		return exitUsage
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	}
	fmt.Fprintln(errs, "demo:", err)
	return exitFailed
}

func parse(args []string, env func(string) string, errs io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&s.bin, "bin", "bin", "folder of the built programs")
	flags.StringVar(&s.dir, "dir", defaultDir, "folder for the dataset, the registry's copy and the logs; made anew by each run")
	flags.StringVar(&s.registry, "registry", defaultRegistry, "registry of the example; it is copied")
	flags.StringVar(&s.config, "config", defaultConfig, "configuration of the collector")
	flags.Uint64Var(&s.seed, "seed", 1, "seed of the traffic and of the scripted provider")
	flags.IntVar(&s.sessions, "sessions", 0, "customer sessions (default: the agent's own)")
	scripted := flags.Bool("scripted", false, "use the scripted provider also when OPENAI_API_KEY is set")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, err
		}
		return s, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	if s.sessions < 0 {
		return s, fmt.Errorf("%w: --sessions %d is below zero", errUsage, s.sessions)
	}
	s.real = env("OPENAI_API_KEY") != "" && !*scripted
	if s.real {
		s.baseURL, s.model = env("OPENAI_BASE_URL"), env("OPENAI_MODEL")
		if s.baseURL == "" {
			s.baseURL = openAI
		}
		if s.model == "" {
			s.model = realModel
		}
	}
	s.color = env("NO_COLOR") == "" && env("TERM") != "dumb"
	return s, s.present()
}

// present checks that what the demo needs is there.
func (s *settings) present() error {
	for _, name := range []string{"otelcol-spanloop", "spanloop", "example-agent", "example-provider"} {
		if _, err := os.Stat(filepath.Join(s.bin, name)); err != nil {
			return fmt.Errorf("%w: %s is not built: run `make demo`, or name its folder with --bin", errUsage, filepath.Join(s.bin, name))
		}
	}
	for _, path := range []string{s.registry, s.config} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: %w: run the demo in the repository's root, or set --registry and --config", errUsage, err)
		}
	}
	return nil
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
