// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// sender gives batches to the pipeline, one at a time, at a rate.
type sender struct {
	next consumer.Traces
	// rate is in spans a second, 0 without limit.
	rate float64
	// due is when the next batch may go.
	due time.Time
	// firstWait and longestWait bound the waits between attempts.
	firstWait, longestWait time.Duration
	// failing is told of each attempt that failed, and of nil after such.
	failing func(error)
}

const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
)

// send returns nil when the pipeline has taken the batch, a permanent error when
// it refused it for good, and ctx's error when there was no time for either. On
// a permanent error refused is the number of spans that were not taken.
func (s *sender) send(ctx context.Context, td ptrace.Traces) (refused int, err error) {
	if err := s.pace(ctx, td.SpanCount()); err != nil {
		return 0, err
	}
	for wait := s.firstWait; ; wait = min(2*wait, s.longestWait) {
		count := td.SpanCount()
		err := s.next.ConsumeTraces(ctx, s.attempt(td))
		if err == nil {
			if wait > s.firstWait {
				s.failing(nil)
			}
			return 0, nil
		}
		if consumererror.IsPermanent(err) {
			return count, err
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		s.failing(err)
		var partial consumererror.Traces
		if errors.As(err, &partial) && partial.Data().SpanCount() > 0 {
			td = partial.Data()
		}
		// Half to all of the wait, so that several receivers do not come together.
		if err := sleep(ctx, wait/2+rand.N(wait/2+1)); err != nil {
			return 0, err
		}
	}
}

// attempt is the batch as it may be given away: a pipeline that changes its data
// gets a copy, so that the next attempt sends what was stored.
func (s *sender) attempt(td ptrace.Traces) ptrace.Traces {
	if !s.next.Capabilities().MutatesData {
		return td
	}
	copied := ptrace.NewTraces()
	td.CopyTo(copied)
	return copied
}

// pace waits until n spans may go.
func (s *sender) pace(ctx context.Context, n int) error {
	if s.rate == 0 {
		return ctx.Err()
	}
	now := time.Now()
	if s.due.Before(now) {
		s.due = now
	}
	err := sleep(ctx, s.due.Sub(now))
	s.due = s.due.Add(time.Duration(float64(n) / s.rate * float64(time.Second)))
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
