// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/identity"
)

// sourceDataset is the value of spanloop.source on spans that were sent from a
// dataset.
const sourceDataset = "dataset"

// preparer takes from a batch what is not selected, and marks the rest.
type preparer struct {
	condition *ottl.Condition[*ottlspan.TransformContext]
	// dataset tells this dataset from others.
	dataset string
}

// prepared counts what a batch's preparation left out.
type prepared struct {
	// failures are the keys of spans on which the condition could not be evaluated,
	// err why.
	failures []byte
	err      error
	// own are spans that this dataset has sent before: its pipeline writes to it.
	// Most are left out when the file is read.
	own int
}

func (p *prepared) failed() int { return len(p.failures) / spanKeyBytes }

// newCondition parses an OTTL condition; nil for an empty text.
func newCondition(text string, settings component.TelemetrySettings) (*ottl.Condition[*ottlspan.TransformContext], error) {
	if text == "" {
		return nil, nil
	}
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), settings)
	if err != nil {
		return nil, fmt.Errorf("select.condition: %w", err)
	}
	condition, err := parser.ParseCondition(text)
	if err != nil {
		return nil, fmt.Errorf("select.condition: %w", err)
	}
	return condition, nil
}

// datasetID names a dataset by its folder, links resolved.
func datasetID(root string) string {
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	sum := sha256.Sum256([]byte(root))
	return hex.EncodeToString(sum[:6])
}

// prepare changes the batch in place.
func (p *preparer) prepare(ctx context.Context, td ptrace.Traces) prepared {
	var result prepared
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				return !p.keep(ctx, rs, ss, span, &result)
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	return result
}

func (p *preparer) keep(ctx context.Context, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, span ptrace.Span, result *prepared) bool {
	if source, ok := span.Attributes().Get(identity.AttrSourceDataset); ok && source.AsString() == p.dataset {
		result.own++
		return false
	}
	if p.condition != nil {
		tctx := ottlspan.NewTransformContext(rs, ss, span)
		holds, err := p.condition.Eval(ctx, tctx)
		tctx.Close()
		if err != nil {
			result.failures = appendSpanKey(result.failures, span)
			result.err = err
		}
		if err != nil || !holds {
			return false
		}
	}
	span.Attributes().PutStr(identity.AttrSource, sourceDataset)
	span.Attributes().PutStr(identity.AttrSourceDataset, p.dataset)
	return true
}
