// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command provider serves the scripted model provider of package scripted on
// the loopback interface.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spanloop/spanloop/examples/provider/scripted"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(2)
	}
}

// run serves until the context ends. It prints the address as soon as it
// accepts connections.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("provider", flag.ContinueOnError)
	flags.SetOutput(out)
	listen := flags.String("listen", "127.0.0.1:8089", "address to listen on; port 0 takes a free one")
	var options scripted.Options
	flags.Uint64Var(&options.Seed, "seed", 1, "seed of the noise")
	flags.Float64Var(&options.Speed, "speed", 1, "divide the time that answers take (15 to 80 ms); 0 = no waiting")
	flags.BoolVar(&options.Admin, "admin", false, "open POST /admin/model")
	flags.StringVar(&options.AnswerModel, "answer-model", scripted.DefaultModel, "model that answers for "+scripted.DefaultModel)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	server, err := scripted.NewServer(options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "provider: http://%s\n", listener.Addr())
	return serve(ctx, listener, server)
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		return fmt.Errorf("shutting down: %w", err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
