// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/replay"
)

// exportReplay writes the runs back as spans.
func (a *app) exportReplay(ctx context.Context, f *replayFlags, plan *replay.Plan, result *replay.Result, runs []replay.Run, snapshot *registry.Snapshot) error {
	endpoint := f.otlp
	if endpoint == "" {
		endpoint = orEnv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	}
	export := f.export
	if export == "" {
		export = "dataset"
		if endpoint != "" {
			export = "otlp"
		}
	}
	if export == "none" {
		return nil
	}
	traces := plan.Traces(result.RunID, runs, snapshot)
	if export == "otlp" {
		if endpoint == "" {
			endpoint = "http://localhost:4318"
		}
		if err := replay.ExportOTLP(ctx, endpoint, replay.ParseHeaders(os.Getenv("OTEL_EXPORTER_OTLP_HEADERS")), traces); err != nil {
			return err
		}
		result.Exported = fmt.Sprintf("%d spans sent to %s", traces.SpanCount(), replay.Redacted(endpoint))
		return nil
	}
	writer, err := dataset.NewWriter(a.Dataset, dataset.WriterOptions{})
	if err != nil {
		return err
	}
	written, err := writer.WriteTraces(ctx, traces)
	if err = errors.Join(err, writer.Close()); err != nil {
		return err
	}
	result.Exported = fmt.Sprintf("%d spans written to the dataset %s", written.Spans, dataset.DisplayPath(a.Dataset))
	return nil
}

// commitReplay adds the edited prompt to the registry.
func (a *app) commitReplay(ctx context.Context, f *replayFlags, plan *replay.Plan, result *replay.Result) error {
	if !f.commit {
		return nil
	}
	if result.Outcome == replay.Worse {
		a.note("not committed: the change is worse")
		return nil
	}
	message := fmt.Sprintf("Replay of span %s: %s (%s, run %s)", plan.Source.ID(), plan.Describe(), result.Outcome, result.RunID)
	version, err := plan.NewVersion(a.author(ctx, ""), message)
	if err != nil {
		return err
	}
	added, err := registry.AddVersion(a.Registry, version)
	if err != nil {
		return err
	}
	result.Committed = &replay.CommitResult{Prompt: version.Prompt, Version: added.Version, File: added.File}
	return plan.Verify(added)
}
