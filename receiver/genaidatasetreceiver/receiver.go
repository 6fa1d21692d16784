// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/dataset"
)

// batchSpans bounds a batch; with a rate it is at most a second's spans.
const batchSpans = 512

// datasetReceiver sends a dataset's spans, file by file in order of their paths,
// in one goroutine.
type datasetReceiver struct {
	config *Config
	id     component.ID
	logger *zap.Logger
	meters *meters
	sender *sender
	prep   *preparer
	// batch bounds a batch, in spans.
	batch int

	set    *dataset.Dataset
	client storage.Client
	host   component.Host
	cancel context.CancelFunc
	done   chan struct{}

	selection string
	at        checkpoint
	sent      *sentSpans
}

func newDatasetReceiver(config *Config, set receiver.Settings, next consumer.Traces) (*datasetReceiver, error) {
	condition, err := newCondition(config.Select.Condition, set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	m, err := newMeters(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &datasetReceiver{
		config: config, id: set.ID, logger: set.Logger, meters: m, prep: &preparer{condition: condition}, batch: batchSpans,
	}
	if config.Rate > 0 {
		r.batch = int(min(max(config.Rate, 1), batchSpans))
	}
	r.sender = &sender{next: next, rate: config.Rate, firstWait: firstWait, longestWait: longestWait, failing: r.reportFailing}
	return r, nil
}

// Start opens dataset and storage, and sends in the background.
func (r *datasetReceiver) Start(ctx context.Context, host component.Host) error {
	set, err := dataset.Open(r.config.Path)
	if err != nil {
		return fmt.Errorf("genai_dataset: path: %w", err)
	}
	r.set, r.host = set, host
	r.prep.dataset = datasetID(set.Root())
	if r.selection, err = selectionDigest(set.Root(), r.config.Select); err != nil {
		return fmt.Errorf("genai_dataset: %w", err)
	}
	if r.client, err = openStorage(ctx, host, r.config.Storage, r.id); err != nil {
		return fmt.Errorf("genai_dataset: %w", err)
	}
	r.sent = &sentSpans{client: r.client, stored: r.config.Storage != nil}
	// The context of Start ends with Start.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel, r.done = cancel, make(chan struct{})
	go func() {
		defer close(r.done)
		r.run(running)
	}()
	return nil
}

// Shutdown ends the sending. A batch that the pipeline has not taken by then is
// sent by the next start.
func (r *datasetReceiver) Shutdown(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.cancel = nil
	return errors.Join(r.set.Close(), r.client.Close(ctx))
}

func (r *datasetReceiver) run(ctx context.Context) {
	stream, paths, err := r.begin(ctx)
	if err != nil {
		r.fail(err)
		return
	}
	if r.at.Done {
		r.forget(ctx)
		r.logger.Info("this selection was sent completely before; change it, or name the receiver anew (genai_dataset/2), to send again",
			append(r.at.Counts.fields(), zap.String("path", r.set.Root()))...)
		r.reportDone()
		return
	}
	r.logger.Info("sending the dataset", zap.String("path", r.set.Root()), zap.Int("files", len(paths)),
		zap.String("from_file", r.at.File), zap.Int64("from_row", r.at.Row))
	if r.sendFiles(ctx, stream, paths) {
		r.finish(ctx)
	}
}

func (r *datasetReceiver) fail(err error) {
	r.logger.Error("the dataset cannot be sent", append(r.at.Counts.fields(), zap.String("path", r.set.Root()), zap.Error(err))...)
	componentstatus.ReportStatus(r.host, componentstatus.NewPermanentErrorEvent(err))
}

// begin goes on from the checkpoint, or lists the files of a new backfill. Files
// that come later belong to another one: a pipeline that writes to the dataset
// it reads comes to an end.
func (r *datasetReceiver) begin(ctx context.Context) (*dataset.Stream, []string, error) {
	saved, paths, err := load(ctx, r.client, r.selection)
	if err != nil {
		return nil, nil, fmt.Errorf("storage: %w", err)
	}
	if saved != nil {
		r.at = *saved
	} else {
		r.at = checkpoint{Selection: r.selection}
		if r.at.Since, r.at.Until, err = r.config.Select.window(time.Now()); err != nil {
			return nil, nil, err
		}
	}
	stream, err := r.open(ctx)
	if err != nil || saved != nil {
		return stream, paths, err
	}
	for path, err := range stream.Broken {
		r.broken(ctx, path, err)
	}
	for _, f := range stream.Files {
		paths = append(paths, f.Path)
		if f.MaxTime.After(r.at.Latest) {
			r.at.Latest = f.MaxTime
		}
	}
	return stream, paths, r.at.begin(ctx, r.client, paths)
}

// errLoop ends a backfill that would send the same spans at every start, and
// write them to the dataset that it reads.
var errLoop = errors.New("spans that were sent from this dataset stand in it again: a pipeline writes to the dataset that it reads; " +
	"give genai_parquet another path, or the receiver a storage, which ends this after one round")

// sendBatch sends what is selected of a batch and notes how far that is. Its
// errors are ctx's and errLoop.
func (r *datasetReceiver) sendBatch(ctx context.Context, b dataset.Batch) error {
	if r.at.Round > 0 {
		r.sent.drop(b.Traces)
	}
	left := r.prep.prepare(ctx, b.Traces)
	left.own += b.Own
	if left.err != nil {
		r.logger.Warn("the condition cannot be evaluated on spans; they are not sent",
			zap.Int("spans", left.failed()), zap.String("file", r.at.File), zap.Error(left.err))
	}
	// What this backfill wrote itself may stand in a further round's files.
	if left.own > 0 && r.config.Storage == nil && r.at.Round == 0 {
		return errLoop
	}
	n, lot := b.Traces.SpanCount(), append(lotOf(b.Traces), left.failures...)
	refused := 0
	if n > 0 {
		var err error
		refused, err = r.sender.send(ctx, b.Traces)
		if err != nil && refused == 0 {
			return err
		}
		if err != nil {
			r.logger.Warn("the pipeline refused spans for good; they are skipped",
				zap.Int("spans", refused), zap.String("file", r.at.File), zap.Int64("before_row", b.Next), zap.Error(err))
		}
	}
	r.count(ctx, n-refused, refused, left)
	r.at.Row = b.Next
	if len(lot) > 0 {
		r.save(ctx, lot)
	}
	return nil
}

func (r *datasetReceiver) count(ctx context.Context, sent, refused int, left prepared) {
	c := &r.at.Counts
	c.Sent += int64(sent)
	c.Refused += int64(refused)
	c.ConditionFailed += int64(left.failed())
	c.OwnSkipped += int64(left.own)
	r.meters.spans(ctx, "sent", sent)
	r.meters.spans(ctx, "refused", refused)
	r.meters.spans(ctx, "condition_failed", left.failed())
	r.meters.spans(ctx, "own", left.own)
}

// save stores the checkpoint with the lot of spans that it comes after, also while
// the receiver is being shut down: the pipeline has taken the batch.
func (r *datasetReceiver) save(ctx context.Context, lot []byte) {
	if len(lot) > 0 {
		r.sent.add(r.at.Lots, lot)
		r.at.Lots++
	}
	if err := r.at.save(context.WithoutCancel(ctx), r.client, r.sent.unsaved...); err != nil {
		r.logger.Error("the checkpoint cannot be stored; a restart sends spans again", zap.Error(err))
		return
	}
	r.sent.unsaved = nil
}

// broken names a file that cannot be sent.
func (r *datasetReceiver) broken(ctx context.Context, path string, err error) {
	r.at.Counts.BrokenFiles++
	r.meters.files(ctx, "broken")
	r.logger.Warn("a file is skipped; see spanloop dataset verify", zap.String("file", path),
		zap.Int64("rows_sent_before", r.at.Row), zap.Error(err))
}

// finish notes that everything was sent.
func (r *datasetReceiver) finish(ctx context.Context) {
	r.at.Done = true
	r.save(ctx, nil)
	r.forget(ctx)
	r.logger.Info("the dataset was sent", append(r.at.Counts.fields(), zap.String("path", r.set.Root()))...)
	if r.at.Counts.OwnSkipped > 0 {
		r.logger.Warn("spans that this dataset has sent before were skipped: a pipeline writes to the dataset that it reads",
			zap.Int64("spans", r.at.Counts.OwnSkipped), zap.String("path", r.set.Root()))
	}
	r.reportDone()
}

// forget deletes from the storage which spans were sent: a backfill that is done
// needs that no more.
func (r *datasetReceiver) forget(ctx context.Context) {
	if r.at.Lots == 0 {
		return
	}
	if err := forget(context.WithoutCancel(ctx), r.client, r.at.Lots); err != nil {
		r.logger.Warn("what was sent stays noted in the storage until the next start", zap.Error(err))
		return
	}
	r.at.Lots = 0
	r.save(ctx, nil)
}

// reportDone tells completion to extensions that watch status; with end: idle
// the receiver counts as running on.
func (r *datasetReceiver) reportDone() {
	if r.config.End != endStop {
		return
	}
	attributes := pcommon.NewMap()
	attributes.PutBool("spanloop.dataset.complete", true)
	attributes.PutInt("spanloop.dataset.sent_spans", r.at.Counts.Sent)
	attributes.PutInt("spanloop.dataset.refused_spans", r.at.Counts.Refused)
	attributes.PutInt("spanloop.dataset.broken_files", r.at.Counts.BrokenFiles)
	componentstatus.ReportStatus(r.host, componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithAttributes(attributes)))
}

// reportFailing tells that the pipeline does not take spans now, or does again.
func (r *datasetReceiver) reportFailing(err error) {
	if err != nil {
		r.logger.Warn("the pipeline does not take spans; they are sent again", zap.Error(err))
	}
	r.report(err)
}

// report states an error that passes, or that it has passed.
func (r *datasetReceiver) report(err error) {
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if err != nil {
		event = componentstatus.NewRecoverableErrorEvent(err)
	}
	componentstatus.ReportStatus(r.host, event)
}

func (c *counts) fields() []zap.Field {
	return []zap.Field{
		zap.Int64("sent_spans", c.Sent), zap.Int64("refused_spans", c.Refused), zap.Int64("condition_failed_spans", c.ConditionFailed),
		zap.Int64("own_spans", c.OwnSkipped), zap.Int64("files", c.Files), zap.Int64("broken_files", c.BrokenFiles),
	}
}
