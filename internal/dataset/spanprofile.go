// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// run writes values of the rows of a run: each once, then the same again.
type run struct {
	// more are the rows after the first.
	more  int
	dirty bool
}

func (r run) text(c *parquetfile.Column, s string) {
	if r.dirty {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	c.Text(s)
	c.Repeat(r.more, 1)
}

func (r run) optional(c *parquetfile.Column, s string) {
	if s != "" {
		r.text(c, s)
		return
	}
	c.Null()
	c.Repeat(r.more, 1)
}

func (r run) list(c *parquetfile.Column, items []string) {
	if len(items) == 0 {
		c.Null()
	}
	for i, s := range items {
		if r.dirty {
			s = strings.ToValidUTF8(s, "\ufffd")
		}
		c.Item(i, s)
	}
	c.Repeat(r.more, max(len(items), 1))
}

func (r run) int(c *parquetfile.Column, v int32) {
	c.Int(v)
	c.Repeat(r.more, 1)
}

func (r run) bool(c *parquetfile.Column, v bool) {
	c.Bool(v)
	c.Repeat(r.more, 1)
}

// endOrigin writes what the last rows share by their resource and scope.
func (t *spanTable) endOrigin() {
	if t.from == 0 {
		return
	}
	o, r := t.origin, run{more: t.from - 1, dirty: !t.origin.faithful}
	r.optional(t.c.ServiceName, o.service)
	r.optional(t.c.Environment, o.environment)
	r.optional(t.c.Resource, o.resource)
	r.optional(t.c.Scope, o.scope)
	t.origin, t.from = nil, 0
}

// endProfile writes what the last rows share otherwise.
func (t *spanTable) endProfile() {
	if t.profiled == 0 {
		return
	}
	p, r := t.profile, run{more: t.profiled - 1, dirty: !t.profile.exact}
	t.profile, t.profiled = nil, 0
	r.text(t.c.PromptName, p.part.name)
	r.text(t.c.PromptVersion, p.part.version)
	r.int(t.c.Date, p.part.day)
	t.profileSpan(p, r)
	t.profileCall(p, r)
	t.profileIdentity(p, r)
}

func (t *spanTable) profileSpan(p *profile, r run) {
	r.text(t.c.Name, p.name)
	r.text(t.c.Kind, orElse(kindNames[p.kind], "unspecified"))
	r.text(t.c.Status, statusName(p.status))
	r.optional(t.c.TraceState, p.traceState)
	r.int(t.c.Flags, int32(p.flags))
	r.int(t.c.DroppedAttributes, int32(p.droppedAttributes))
	r.int(t.c.DroppedEvents, int32(p.droppedEvents))
	r.int(t.c.DroppedLinks, int32(p.droppedLinks))
	r.bool(t.c.IsReplay, p.isReplay)
	r.text(t.c.ContentMode, p.contentMode)
	r.int(t.c.Redactions, clampInt32(int(p.redactions)))
	// What other spans reveal later is written by compaction.
	r.optional(t.c.LateIdentity, "")
	lifted := p.lifted
	if !p.exact {
		lifted = 0
	}
	t.c.Lifted.Long(lifted)
	t.c.Lifted.Repeat(r.more, 1)
	r.int(t.c.ScoreEvents, p.held)
	r.bool(t.c.FlatScores, p.flat)
}

func statusName(code ptrace.StatusCode) string {
	switch code {
	case ptrace.StatusCodeOk:
		return "ok"
	case ptrace.StatusCodeError:
		return "error"
	}
	return "unset"
}

func (t *spanTable) profileCall(p *profile, r run) {
	r.optional(t.c.ErrorType, p.errorType)
	r.text(t.c.CallKind, callKinds[p.callKind])
	r.bool(t.c.Counted, p.counted)
	r.optional(t.c.Operation, p.operation)
	r.optional(t.c.Provider, p.provider)
	r.optional(t.c.RequestModel, p.requestModel)
	r.optional(t.c.ResponseModel, p.responseModel)
	r.optional(t.c.SystemFingerprint, p.fingerprint)
	r.optional(t.c.Params, p.params)
	r.optional(t.c.SystemInstructions, p.system)
	r.optional(t.c.ToolDefinitions, p.tools)
}

func (t *spanTable) profileIdentity(p *profile, r run) {
	r.optional(t.c.PromptHash, p.promptHash)
	r.optional(t.c.PromptLabel, p.promptLabel)
	r.optional(t.c.PromptResolution, p.resolution)
	r.optional(t.c.PromptUnresolvedReason, p.unresolved)
	r.optional(t.c.ToolsetHash, p.toolsetHash)
	r.optional(t.c.ToolsetCompleteness, p.completeness)
	r.optional(t.c.ModelHash, p.modelHash)
	r.optional(t.c.ParamsHash, p.paramsHash)
	r.optional(t.c.VariantID, p.variantID)
	r.optional(t.c.ToolName, p.toolName)
	r.optional(t.c.ToolVersion, p.toolVersion)
	r.list(t.c.ToolVersions, unsafe.Slice(p.toolVersions, p.toolCount))
}
