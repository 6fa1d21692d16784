// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// Bytes of text that each cache may hold.
const (
	toolCacheBytes    = 32 << 20
	promptCacheBytes  = 32 << 20
	modelCacheBytes   = 4 << 20
	variantCacheBytes = 4 << 20
)

// Options configure a Resolver. The zero value works: without a registry the
// fingerprint rung is the last one.
type Options struct {
	// Registry returns the live registry; nil, or a function that returns nil,
	// stands for none.
	Registry func() *registry.Snapshot
	// Environment is what Resolve takes for the environment of every call.
	Environment string
	// MaxTraces bounds the traces whose tools are remembered; 0 stands for
	// DefaultMaxTraces.
	MaxTraces int
}

// Resolver says what produced a call. It may be used by several goroutines.
type Resolver struct {
	options  Options
	traces   *traces
	models   *cache[modelIdentity]
	variants *cache[string]
	prints   *cache[string]
	answers  answers
	contents contents

	mu    sync.Mutex
	state atomic.Pointer[state]
}

// state is what holds for one snapshot of the registry.
type state struct {
	snapshot *registry.Snapshot
	tools    *cache[*toolset]
	matches  *cache[*registry.MatchResult]
}

// NewResolver returns a Resolver.
func NewResolver(options Options) *Resolver {
	r := &Resolver{
		options:  options,
		traces:   newTraces(options.MaxTraces),
		models:   newCache[modelIdentity](modelCacheBytes),
		variants: newCache[string](variantCacheBytes),
		prints:   newCache[string](promptCacheBytes),
	}
	r.current()
	return r
}

// current returns the state of the registry as it is now.
func (r *Resolver) current() *state {
	var snapshot *registry.Snapshot
	if r.options.Registry != nil {
		snapshot = r.options.Registry()
	}
	if s := r.state.Load(); s != nil && s.snapshot == snapshot {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.state.Load(); s != nil && s.snapshot == snapshot {
		return s
	}
	s := &state{snapshot: snapshot, tools: newCache[*toolset](toolCacheBytes), matches: newCache[*registry.MatchResult](promptCacheBytes)}
	r.state.Store(s)
	return s
}

// Resolve is ResolveIn for the environment of the options.
func (r *Resolver) Resolve(traceID pcommon.TraceID, start time.Time, call *genai.Call) Identity {
	return r.ResolveIn(r.options.Environment, traceID, start, call)
}

// ResolveIn returns the identity of a call that started at a time in an
// environment. It remembers the tools of the call for the tool spans of its
// trace; a tool span that comes before any call of its trace stays without a
// version. Texts of the result may alias the call.
func (r *Resolver) ResolveIn(environment string, traceID pcommon.TraceID, start time.Time, call *genai.Call) Identity {
	var id Identity
	r.ResolveInto(&id, environment, traceID, start, call)
	return id
}

// ResolveInto is ResolveIn over an identity that is not needed any more.
func (r *Resolver) ResolveInto(id *Identity, environment string, traceID pcommon.TraceID, start time.Time, call *genai.Call) {
	*id = Identity{}
	s := r.current()
	r.prompt(s, environment, start, call, id)
	if call.Kind == genai.KindTool {
		if call.ToolExecution != nil {
			id.ToolVersion, id.ToolUnresolvedReason = r.traces.version(traceID, start, call.ToolExecution.Name)
		}
		return
	}
	r.tools(s, traceID, start, call, id)
	// Keys of usual length fit on the stack.
	var room [512]byte
	m := r.models.getBytes(appendModelKey(room[:0], call), func() modelIdentity { return newModelIdentity(call) })
	id.ModelHash, id.ParamsHash = m.model, m.params
	if isModelCall(call.Kind) {
		id.VariantID = r.variant(id)
	}
}

func isModelCall(kind genai.Kind) bool {
	return kind == genai.KindInference || kind == genai.KindEmbeddings || kind == genai.KindRerank
}

func (r *Resolver) tools(s *state, traceID pcommon.TraceID, start time.Time, call *genai.Call, id *Identity) {
	if call.Tools.Empty() {
		if isModelCall(call.Kind) {
			id.ToolsetCompleteness = genai.ToolsAbsent
		}
		return
	}
	// Definitions that were assembled from several attributes have no text of
	// their own; their JSON serves as the key.
	key := call.Tools.Text()
	if key == "" {
		key = call.Tools.JSON()
	}
	t := s.tools.get(key, func() *toolset {
		list, err := call.Tools.List()
		return newToolset(list, err, s.snapshot)
	})
	if !t.unreadable {
		call.Tools.SetReadable()
	}
	id.ToolVersions, id.ToolsetHash, id.ToolsetCompleteness = t.versions, t.hash, t.completeness
	r.traces.offered(traceID, start, t)
}

// variant hashes the four identities. The prompt counts by its content hash
// where it is known, so that two names for one content are one variant.
func (r *Resolver) variant(id *Identity) string {
	prompt := id.PromptHash
	if prompt == "" && id.PromptName != "" {
		prompt = id.PromptName + "@" + id.PromptVersion
	}
	var room [512]byte
	key := append(append(room[:0], prompt...), 0)
	key = append(append(key, id.ToolsetHash...), 0)
	key = append(append(key, id.ModelHash...), 0)
	key = append(key, id.ParamsHash...)
	return r.variants.getBytes(key, func() string { return Variant(prompt, id.ToolsetHash, id.ModelHash, id.ParamsHash) })
}

// Variant is the id of the variant with these hashes. The prompt is its content
// hash, or name@version where that is not known.
func Variant(prompt, toolset, model, params string) string {
	return hashOf(map[string]string{"prompt": prompt, "toolset": toolset, "model": model, "params": params})
}
