// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

type idSource struct{}

// WithIDs makes the trace and span ids below ctx repeatable: they are drawn from
// rng, which only one goroutine may use.
func WithIDs(ctx context.Context, rng *rand.Rand) context.Context {
	return context.WithValue(ctx, idSource{}, rng)
}

// IDs is an id generator for the SDK's tracer provider: repeatable below
// WithIDs, random elsewhere.
type IDs struct{}

// NewIDs returns the ids of a root span.
func (IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	binary.BigEndian.PutUint64(id[:8], number(ctx))
	binary.BigEndian.PutUint64(id[8:], number(ctx))
	return id, newSpanID(ctx)
}

// NewSpanID returns the id of a child span.
func (IDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID { return newSpanID(ctx) }

func newSpanID(ctx context.Context) trace.SpanID {
	var id trace.SpanID
	binary.BigEndian.PutUint64(id[:], number(ctx))
	return id
}

// number is never zero: an id of zeros is no id.
func number(ctx context.Context) uint64 {
	next := rand.Uint64
	if rng, ok := ctx.Value(idSource{}).(*rand.Rand); ok {
		next = rng.Uint64
	}
	for {
		if n := next(); n != 0 {
			return n
		}
	}
}
