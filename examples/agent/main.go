// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command agent runs the example application: a support assistant that answers
// customers with a model and tools and sends its spans over OTLP. It makes
// either a whole simulated fortnight of traffic or one conversation.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spanloop/spanloop/examples/agent/support"
)

// Exit codes.
const (
	exitUsage  = 2
	exitFailed = 4
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "agent:", err)
	if errors.Is(err, errUsage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// errUsage marks wrong flags.
var errUsage = errors.New("usage")

// Defaults of the flags.
const (
	localProvider   = "http://127.0.0.1:8089"
	localModel      = "example-large"
	openAI          = "https://api.openai.com/v1"
	defaultOTLP     = "http://127.0.0.1:4318"
	defaultRegistry = "examples/registry"
	// firstDay fits the releases in the example registry.
	firstDay     = "2026-11-02"
	manySessions = 2400
	// fewSessions is the default at a provider that costs money.
	fewSessions = 20
)

// settings are the flags and the environment, checked.
type settings struct {
	baseURL, key, model string
	// real is true when the provider is not the scripted one.
	real        bool
	otlp        string
	registry    string
	sessions    int
	seed        uint64
	from        time.Time
	days        int
	concurrency int
	steady      bool
	question    string
}

func run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	s, err := parse(args, env, out)
	if err != nil {
		return err
	}
	if s.question != "" {
		return ask(ctx, s, out)
	}
	return drive(ctx, s, out)
}

func parse(args []string, env func(string) string, out io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	flags.SetOutput(out)
	provider := flags.String("provider", "", "model provider (default $OPENAI_BASE_URL; else OpenAI when OPENAI_API_KEY is set; else "+localProvider+")")
	flags.StringVar(&s.model, "model", "", "model to ask for (default $OPENAI_MODEL, else "+localModel+")")
	flags.StringVar(&s.otlp, "otlp", first(env("OTEL_EXPORTER_OTLP_ENDPOINT"), defaultOTLP), "OTLP/HTTP endpoint of the collector")
	flags.StringVar(&s.registry, "registry", defaultRegistry, "prompt registry")
	flags.IntVar(&s.sessions, "sessions", 0, fmt.Sprintf("customer sessions (default %d, %d at a real provider)", manySessions, fewSessions))
	flags.Uint64Var(&s.seed, "seed", 1, "seed of the traffic")
	from := flags.String("from", firstDay, "first simulated day, YYYY-MM-DD")
	flags.IntVar(&s.days, "days", 14, "simulated days")
	flags.IntVar(&s.concurrency, "concurrency", 0, "sessions at the same time (default 24, 4 at a real provider)")
	flags.BoolVar(&s.steady, "steady", false, "leave the incidents out: the tools and the model stay as they are")
	flags.StringVar(&s.question, "ask", "", "ask one question now, print the answer and the trace id, and end")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, err
		}
		return s, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	var err error
	if s.from, err = time.Parse(time.DateOnly, *from); err != nil {
		return s, fmt.Errorf("%w: --from: %w", errUsage, err)
	}
	return s, s.complete(*provider, env)
}

// complete fills in what depends on the provider.
func (s *settings) complete(provider string, env func(string) string) error {
	s.key = env("OPENAI_API_KEY")
	address := first(provider, env("OPENAI_BASE_URL"))
	if address == "" {
		address = localProvider
		if s.key != "" {
			address = openAI
		}
	}
	s.real = provider == "" && (s.key != "" || env("OPENAI_BASE_URL") != "")
	s.model = first(s.model, env("OPENAI_MODEL"))
	if s.model == "" {
		if s.real {
			return fmt.Errorf("%w: set OPENAI_MODEL or --model for the provider at %s", errUsage, address)
		}
		s.model = localModel
	}
	if !s.real {
		// The scripted provider needs no key, so it never gets one.
		s.key = ""
	}
	var err error
	if s.baseURL, err = support.BaseURL(address, s.key); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	sessions, concurrency := manySessions, 24
	if s.real {
		sessions, concurrency = fewSessions, 4
	}
	if s.sessions == 0 {
		s.sessions = sessions
	}
	if s.concurrency == 0 {
		s.concurrency = concurrency
	}
	return nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
