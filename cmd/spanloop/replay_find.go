// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/replay"
)

// plan finds the call, rebuilds its request and makes the changes.
func (a *app) plan(ctx context.Context, f *replayFlags, args []string, snapshot *registry.Snapshot) (*replay.Plan, error) {
	changes, err := f.changes(snapshot)
	if err != nil {
		return nil, err
	}
	var id string
	if len(args) == 1 {
		id = args[0]
	} else if id, err = a.worst(ctx, f.worst); err != nil {
		return nil, err
	}
	d, err := dataset.Open(a.Dataset)
	if err != nil {
		return nil, err
	}
	source, err := replay.Find(ctx, d, id, snapshot)
	if err != nil {
		return nil, err
	}
	if source.Call.Input.Empty() {
		if err := a.joinContent(ctx, source, snapshot); err != nil {
			return nil, err
		}
	}
	return replay.NewPlan(source, replay.PlanOptions{Changes: changes, Registry: snapshot, Dialect: f.dialect, PinModel: f.pinModel})
}

// joinContent adds content that arrived in log events beside the span.
func (a *app) joinContent(ctx context.Context, source *replay.Source, snapshot *registry.Snapshot) error {
	db, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := db.Query(ctx, `SELECT coalesce(system_instructions, ''), coalesce(input_messages, ''), coalesce(output_messages, ''), coalesce(tool_definitions, '')
		FROM spans WHERE trace_id = ? AND span_id = ?`, source.Span.TraceID().String(), source.Span.SpanID().String())
	if err != nil || len(result.Rows) == 0 {
		return err
	}
	var texts [4]string
	for i, value := range result.Rows[0] {
		texts[i], _ = value.(string)
	}
	source.AddContent(replay.Content{System: texts[0], Input: texts[1], Output: texts[2], Tools: texts[3]}, snapshot)
	return nil
}

// worst finds the production call with the worst score of a prompt version.
func (a *app) worst(ctx context.Context, text string) (string, error) {
	score, prompt, version, err := replay.ParseWorst(text)
	if err != nil {
		return "", usage(err)
	}
	db, err := a.open(ctx)
	if err != nil {
		return "", err
	}
	defer db.Close()
	since, until, err := a.window()
	if err != nil {
		return "", err
	}
	result, err := db.Query(ctx, replay.WorstSQL(since, until), score, prompt, version)
	if err != nil {
		return "", err
	}
	if len(result.Rows) == 0 {
		return "", usage(fmt.Errorf("%w: no scored call of %s@%s has %s", replay.ErrNotFound, prompt, version, score))
	}
	row := result.Rows[0]
	a.note("worst %s of %s@%s: %v on span %v", score, prompt, version, row[2], row[1])
	return fmt.Sprintf("%v:%v", row[0], row[1]), nil
}
