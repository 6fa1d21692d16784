// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxToolsets is how many changes of the toolset one trace remembers.
const maxToolsets = 8

// offer is a toolset from the time on at which a call offered it.
type offer struct {
	start time.Time
	tools *toolset
}

// offered notes the tools of a call, so that a span which executes one of them
// can say which version of it was live.
func (t *traces) offered(id pcommon.TraceID, start time.Time, tools *toolset) {
	if !id.IsEmpty() && len(tools.byName) > 0 {
		t.update(id, func(remembered *trace) { remembered.offer(start, tools) })
	}
}

func (t *trace) offer(start time.Time, tools *toolset) {
	at, _ := slices.BinarySearchFunc(t.offers, start, func(o offer, when time.Time) int { return o.start.Compare(when) })
	if at > 0 && t.offers[at-1].tools == tools {
		return
	}
	if at < len(t.offers) && t.offers[at].tools == tools {
		t.offers[at].start = start
		return
	}
	t.offers = slices.Insert(t.offers, at, offer{start, tools})
	t.bytes += tools.bytes
	if len(t.offers) > maxToolsets {
		t.bytes -= t.offers[0].tools.bytes
		t.offers = slices.Delete(t.offers, 0, 1)
	}
}

// version returns the version of a tool that ran in a trace: the only one the
// trace knows, else the one that was offered last before the tool started. When
// there is none the reason says why.
func (t *traces) version(id pcommon.TraceID, start time.Time, name string) (version, reason string) {
	reason = ToolReasonNoToolset
	if !id.IsEmpty() {
		t.look(id, func(remembered *trace) { version, reason = remembered.version(start, name) })
	}
	return version, reason
}

func (t *trace) version(start time.Time, name string) (version, reason string) {
	if len(t.offers) == 0 {
		return "", ToolReasonNoToolset
	}
	reason = ToolReasonNotOffered
	only, live, several := "", "", false
	for _, o := range t.offers {
		offered, known := o.tools.byName[name]
		if !known {
			continue
		}
		if offered.version == "" {
			reason = offered.reason
			continue
		}
		several = several || (only != "" && only != offered.version)
		only = offered.version
		if !o.start.After(start) {
			live = offered.version
		}
	}
	switch {
	case several && live == "":
		return "", ToolReasonAmbiguous
	case several:
		return live, ""
	case only == "":
		return "", reason
	}
	return only, ""
}
