// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// logInterval is how often problems with spans are logged at most.
const logInterval = time.Minute

// other stands for values from outside that are none of the known ones: they
// must not make new time series.
const other = "other"

// counts are what one batch adds to the metrics. The words that may occur are
// few and fixed.
type counts struct {
	resolutions, reasons, problems, tools map[string]int64
	duplicates                            int64
}

func newCounts() *counts {
	return &counts{resolutions: map[string]int64{}, reasons: map[string]int64{}, problems: map[string]int64{}, tools: map[string]int64{}}
}

var knownResolutions = words(identity.RungExplicit, identity.RungLabel, identity.RungHash, identity.RungTemplate,
	identity.RungFingerprint, identity.RungAmbiguous, identity.RungNone)

var knownReasons = words(identity.ReasonNoContent, identity.ReasonNoMatch, identity.ReasonAmbiguous, identity.ReasonLabelUnknown,
	identity.ReasonVersionUnknown, identity.ReasonPromptUnknown, identity.ReasonMalformed, identity.ReasonNotACall)

var knownProblems = words(genai.ReasonMalformedJSON, genai.ReasonWrongType, genai.ReasonTruncated, genai.ReasonTooLarge,
	genai.ReasonMergedCalls)

// versionKnown counts tool spans that have a version, beside the reasons of
// those that have none.
const versionKnown = "known"

var knownTools = words(versionKnown, identity.ToolReasonNoToolset, identity.ToolReasonNotOffered, identity.ToolReasonNamesOnly,
	identity.ToolReasonUnreadable, identity.ToolReasonAmbiguous)

// words maps each word to the option that counts it.
func words(list ...string) map[string]bool {
	known := map[string]bool{other: true}
	for _, word := range list {
		known[word] = true
	}
	return known
}

func word(known map[string]bool, text string) string {
	if known[text] {
		return text
	}
	return other
}

func (c *counts) identity(resolution, reason string) {
	c.resolutions[word(knownResolutions, resolution)]++
	if reason != "" {
		c.reasons[word(knownReasons, reason)]++
	}
}

func (c *counts) tool(reason string) {
	if reason == "" {
		reason = versionKnown
	}
	c.tools[word(knownTools, reason)]++
}

func (c *counts) problem(reason string) { c.problems[word(knownProblems, reason)]++ }

// telemetry is the processor's own metrics and its log about spans.
type telemetry struct {
	logger              *zap.Logger
	spans, unresolved   metric.Int64Counter
	problems, tools     metric.Int64Counter
	duplicates, events  metric.Int64Counter
	byResolution, byWhy map[string]metric.MeasurementOption
	byProblem, byTool   map[string]metric.MeasurementOption
	registryProblems    metric.Int64ObservableGauge
	registration        metric.Registration
	mu                  sync.Mutex
	quietUntil          time.Time
	unlogged            map[string]int64
}

func options(key string, known map[string]bool) map[string]metric.MeasurementOption {
	out := make(map[string]metric.MeasurementOption, len(known))
	for value := range known {
		out[value] = metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
	}
	return out
}

// newTelemetry makes the instruments; registryProblems tells how many errors
// and warnings the registry has now.
func newTelemetry(set component.TelemetrySettings, registryProblems func() (failures, warnings int)) (*telemetry, error) {
	t := &telemetry{
		logger: set.Logger, unlogged: map[string]int64{},
		byResolution: options("resolution", knownResolutions), byWhy: options("reason", knownReasons), byProblem: options("reason", knownProblems),
		byTool: options("version", knownTools),
	}
	meter := set.MeterProvider.Meter(scopeName)
	var errs [7]error
	t.spans, errs[0] = meter.Int64Counter("otelcol_processor_genai_identity_spans",
		metric.WithUnit("{span}"), metric.WithDescription("GenAI spans by the rung on which their prompt was resolved."))
	t.unresolved, errs[1] = meter.Int64Counter("otelcol_processor_genai_identity_unresolved",
		metric.WithUnit("{span}"), metric.WithDescription("GenAI spans whose prompt is not, or not fully, known, by reason."))
	t.problems, errs[2] = meter.Int64Counter("otelcol_processor_genai_identity_problems",
		metric.WithUnit("{attribute}"), metric.WithDescription("Attributes of GenAI spans that could not be read, by reason."))
	t.tools, errs[3] = meter.Int64Counter("otelcol_processor_genai_identity_tool_spans",
		metric.WithUnit("{span}"), metric.WithDescription("Spans of tool executions: version known, or the reason why not."))
	t.duplicates, errs[4] = meter.Int64Counter("otelcol_processor_genai_identity_duplicates",
		metric.WithUnit("{span}"), metric.WithDescription("Spans that describe a model call for which another span counts."))
	t.events, errs[5] = meter.Int64Counter("otelcol_processor_genai_identity_log_events",
		metric.WithUnit("{event}"), metric.WithDescription("Log events with content of calls by the rung on which their prompt was resolved."))
	t.registryProblems, errs[6] = meter.Int64ObservableGauge("otelcol_processor_genai_identity_registry_problems",
		metric.WithUnit("{problem}"), metric.WithDescription("What is wrong in the registry's files now, by level."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	failure := metric.WithAttributeSet(attribute.NewSet(attribute.String("level", "error")))
	warning := metric.WithAttributeSet(attribute.NewSet(attribute.String("level", "warning")))
	var err error
	t.registration, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		failures, warnings := registryProblems()
		o.ObserveInt64(t.registryProblems, int64(failures), failure)
		o.ObserveInt64(t.registryProblems, int64(warnings), warning)
		return nil
	}, t.registryProblems)
	return t, err
}

func (t *telemetry) shutdown() error {
	if t.registration == nil {
		return nil
	}
	return t.registration.Unregister()
}

// record adds a batch of spans to the metrics.
func (t *telemetry) record(ctx context.Context, c *counts) {
	for value, n := range c.resolutions {
		t.spans.Add(ctx, n, t.byResolution[value])
	}
	for value, n := range c.reasons {
		t.unresolved.Add(ctx, n, t.byWhy[value])
	}
	for value, n := range c.tools {
		t.tools.Add(ctx, n, t.byTool[value])
	}
	if c.duplicates > 0 {
		t.duplicates.Add(ctx, c.duplicates)
	}
	t.recordProblems(ctx, c)
}

// recordEvents adds a batch of log events to the metrics.
func (t *telemetry) recordEvents(ctx context.Context, c *counts) {
	for value, n := range c.resolutions {
		t.events.Add(ctx, n, t.byResolution[value])
	}
	t.recordProblems(ctx, c)
}

func (t *telemetry) recordProblems(ctx context.Context, c *counts) {
	for value, n := range c.problems {
		t.problems.Add(ctx, n, t.byProblem[value])
	}
	if len(c.problems) > 0 {
		t.log(c.problems, time.Now())
	}
}

// log says at most once a minute how many attributes could not be read. It
// never names values: those may be prompts.
func (t *telemetry) log(problems map[string]int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for reason, n := range problems {
		t.unlogged[reason] += n
	}
	if now.Before(t.quietUntil) {
		return
	}
	t.quietUntil = now.Add(logInterval)
	fields := make([]zap.Field, 0, len(t.unlogged))
	for reason, n := range t.unlogged {
		fields = append(fields, zap.Int64(reason, n))
	}
	clear(t.unlogged)
	t.logger.Warn("GenAI attributes could not be read; the spans and events carry the names in "+identity.AttrProblems, fields...)
}
