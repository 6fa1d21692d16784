// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// object builds a JSON object; members that say nothing are left out.
type object struct {
	dst []byte
	any bool
}

func newObject(dst []byte) *object { return &object{dst: append(dst, '{')} }

func (o *object) key(name string) {
	if o.any {
		o.dst = append(o.dst, ',')
	}
	o.any = true
	o.dst = append(append(append(o.dst, '"'), name...), '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.key(name)
		o.dst = appendJSONString(o.dst, value)
	}
}

func (o *object) number(name string, value uint64) {
	if value != 0 {
		o.key(name)
		o.dst = strconv.AppendUint(o.dst, value, 10)
	}
}

func (o *object) attributes(m pcommon.Map) {
	if m.Len() > 0 {
		o.key("attributes")
		o.dst = appendTypedMap(o.dst, m, 0)
	}
}

func (o *object) close() []byte { return append(o.dst, '}') }

// resourceText is the resource column: empty for an empty resource.
func resourceText(rs ptrace.ResourceSpans) string {
	o := newObject(nil)
	o.attributes(rs.Resource().Attributes())
	o.number("dropped_attributes", uint64(rs.Resource().DroppedAttributesCount()))
	o.text("schema_url", rs.SchemaUrl())
	return emptyAsNone(o)
}

// scopeText is the scope column.
func scopeText(ss ptrace.ScopeSpans) string {
	o := newObject(nil)
	o.text("name", ss.Scope().Name())
	o.text("version", ss.Scope().Version())
	o.attributes(ss.Scope().Attributes())
	o.number("dropped_attributes", uint64(ss.Scope().DroppedAttributesCount()))
	o.text("schema_url", ss.SchemaUrl())
	return emptyAsNone(o)
}

func emptyAsNone(o *object) string {
	if !o.any {
		return ""
	}
	return string(o.close())
}

// appendEvents appends the events column: those that no score row holds.
func appendEvents(dst []byte, r *spanReading) []byte {
	start, next := len(dst), 0
	for i, event := range r.span.Events().All() {
		if r.isHeld(i, &next) {
			continue
		}
		if len(dst) == start {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		o := object{dst: append(dst, '{')}
		o.text("name", event.Name())
		o.number("time_unix_nano", uint64(event.Timestamp()))
		o.attributes(event.Attributes())
		o.number("dropped_attributes", uint64(event.DroppedAttributesCount()))
		dst = o.close()
	}
	if len(dst) > start {
		dst = append(dst, ']')
	}
	return dst
}

// linksText is the links column.
func linksText(links ptrace.SpanLinkSlice) string {
	if links.Len() == 0 {
		return ""
	}
	dst := []byte{'['}
	for i, link := range links.All() {
		if i > 0 {
			dst = append(dst, ',')
		}
		traceID, spanID := link.TraceID(), link.SpanID()
		o := newObject(dst)
		o.text("trace_id", hex.EncodeToString(traceID[:]))
		o.text("span_id", hex.EncodeToString(spanID[:]))
		o.text("trace_state", link.TraceState().AsRaw())
		o.number("flags", uint64(link.Flags()))
		o.attributes(link.Attributes())
		o.number("dropped_attributes", uint64(link.DroppedAttributesCount()))
		dst = o.close()
	}
	return string(append(dst, ']'))
}

// readResource and the other readers are the inverses of the text functions.
func readResource(text string, rs ptrace.ResourceSpans) error {
	v := gjson.Parse(text)
	rs.SetSchemaUrl(v.Get("schema_url").Str)
	rs.Resource().SetDroppedAttributesCount(uint32(v.Get("dropped_attributes").Uint()))
	return readAttributes(v, rs.Resource().Attributes())
}

func readScope(text string, ss ptrace.ScopeSpans) error {
	v := gjson.Parse(text)
	ss.SetSchemaUrl(v.Get("schema_url").Str)
	ss.Scope().SetName(v.Get("name").Str)
	ss.Scope().SetVersion(v.Get("version").Str)
	ss.Scope().SetDroppedAttributesCount(uint32(v.Get("dropped_attributes").Uint()))
	return readAttributes(v, ss.Scope().Attributes())
}

func readAttributes(v gjson.Result, into pcommon.Map) error {
	attributes := v.Get("attributes")
	if nested := attributes.Get("\\$map"); nested.Exists() {
		attributes = nested
	}
	return decodeMap(attributes, into)
}

func readEvents(text string, events ptrace.SpanEventSlice) (err error) {
	gjson.Parse(text).ForEach(func(_, v gjson.Result) bool {
		event := events.AppendEmpty()
		event.SetName(v.Get("name").Str)
		event.SetTimestamp(pcommon.Timestamp(v.Get("time_unix_nano").Uint()))
		event.SetDroppedAttributesCount(uint32(v.Get("dropped_attributes").Uint()))
		err = readAttributes(v, event.Attributes())
		return err == nil
	})
	return err
}

func readLinks(text string, links ptrace.SpanLinkSlice) (err error) {
	gjson.Parse(text).ForEach(func(_, v gjson.Result) bool {
		link := links.AppendEmpty()
		traceID, idErr := traceIDOf(v.Get("trace_id").Str)
		spanID, spanErr := spanIDOf(v.Get("span_id").Str)
		if idErr != nil || spanErr != nil {
			err = fmt.Errorf("link ids: %w %w", idErr, spanErr)
			return false
		}
		link.SetTraceID(traceID)
		link.SetSpanID(spanID)
		link.TraceState().FromRaw(v.Get("trace_state").Str)
		link.SetFlags(uint32(v.Get("flags").Uint()))
		link.SetDroppedAttributesCount(uint32(v.Get("dropped_attributes").Uint()))
		err = readAttributes(v, link.Attributes())
		return err == nil
	})
	return err
}

func traceIDOf(text string) (id pcommon.TraceID, err error) {
	if n, err := hex.Decode(id[:], []byte(text)); err != nil || n != len(id) {
		return id, fmt.Errorf("trace id %q is no 32 hex digits", text)
	}
	return id, nil
}

func spanIDOf(text string) (id pcommon.SpanID, err error) {
	if text == "" {
		return id, nil
	}
	if n, err := hex.Decode(id[:], []byte(text)); err != nil || n != len(id) {
		return id, fmt.Errorf("span id %q is no 16 hex digits", text)
	}
	return id, nil
}
