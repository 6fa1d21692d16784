// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/sharedtest"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

func TestConformanceReplay(t *testing.T) {
	for _, api := range []string{OpenAIChat, AnthropicMessages} {
		t.Run(api, func(t *testing.T) { conformReplay(t, api) })
	}
}

func conformReplay(t *testing.T, api string) {
	var n, exact, raw, sameBytes, equal, modulo, falseExact, damaged, refused, harmless int
	for _, pair := range sharedtest.Pairs(t, api) {
		n++
		want, err := jsondoc.ParseString(pair.Request.Body)
		require.NoError(t, err, pair.Name)
		captured, err := Capture(api, []byte(pair.Request.Body))
		require.NoError(t, err, pair.Name)

		r := rebuildFrom(t, api, captured.Attributes)
		if r.Grade == Exact && jsondoc.Equal(r.Body, withoutTransport(want)) {
			exact++
		} else {
			t.Errorf("%s: %s %v", pair.Name, r.Grade, r.Notes)
		}
		if pair.Request.Fidelity == "raw" {
			raw++
			if bytes.Equal(r.Source, []byte(pair.Request.Body)) {
				sameBytes++
			} else {
				t.Logf("%s: bytes differ", pair.Name)
			}
		}

		plain := pcommon.NewMap()
		captured.Attributes.CopyTo(plain)
		plain.RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "spanloop.") })
		m := rebuildFrom(t, api, plain)
		switch m.Grade {
		case Exact:
			falseExact++
		case Modelled:
			if jsondoc.Equal(m.Body, withoutTransport(want)) {
				equal++
			} else if jsondoc.Equal(modulus(m.Body), modulus(withoutTransport(want))) {
				modulo++
			}
		}

		for _, key := range damageable(captured.Attributes) {
			damaged++
			broken := pcommon.NewMap()
			captured.Attributes.CopyTo(broken)
			damage(broken, key)
			d := rebuildFrom(t, api, broken)
			switch {
			case d.Grade == Mismatch:
				refused++
			case jsondoc.Equal(d.Body, withoutTransport(want)):
				// The residual holds the member under another name of it.
				harmless++
			default:
				falseExact++
				t.Errorf("%s: damaged %s and still %s", pair.Name, key, d.Grade)
			}
		}
	}
	fmt.Printf("conformance: replay/%s exact %d/%d, byte-identical %d/%d, modelled equal %d/%d (and %d but for defaults and spacing), damaged refused %d/%d (and %d restored by the residual), false exact %d\n",
		api, exact, n, sameBytes, raw, equal, n, modulo, refused, damaged, harmless, falseExact)
	require.Equal(t, n, exact)
	require.Zero(t, falseExact)
	require.Equal(t, damaged, refused+harmless)
}

// rebuildFrom reads a span with the given attributes and rebuilds its request.
func rebuildFrom(t *testing.T, api string, attributes pcommon.Map) *Request {
	t.Helper()
	span := ptrace.NewSpan()
	attributes.CopyTo(span.Attributes())
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	require.True(t, ok)
	r, err := Rebuild(api, call, RecordedOf(span.Attributes()))
	require.NoError(t, err)
	return r
}

// damageable are the attributes whose change changes the request.
func damageable(attributes pcommon.Map) []string {
	var keys []string
	for key := range attributes.All() {
		switch {
		case strings.HasPrefix(key, "gen_ai.request.") && key != "gen_ai.request.stream",
			key == "gen_ai.input.messages", key == "gen_ai.system_instructions", key == "gen_ai.tool.definitions":
			keys = append(keys, key)
		}
	}
	return keys
}

func damage(attributes pcommon.Map, key string) {
	v, _ := attributes.Get(key)
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text := v.Str()
		if i := strings.LastIndexAny(text, "aeiou"); i >= 0 {
			v.SetStr(text[:i] + "Q" + text[i+1:])
			return
		}
		v.SetStr(text + "Q")
	case pcommon.ValueTypeInt:
		v.SetInt(v.Int() + 1)
	case pcommon.ValueTypeDouble:
		v.SetDouble(v.Double() + 0.5)
	case pcommon.ValueTypeSlice:
		v.Slice().AppendEmpty().SetStr("Q")
	}
}

// modulus removes what is hardly a difference: provider defaults, null for
// absent, a single text part for text, the spacing of tool arguments.
func modulus(v *jsondoc.Value) *jsondoc.Value {
	v = v.Clone()
	if choice := v.Member("tool_choice"); choice.Str() == "auto" || choice.Member("type").Str() == "auto" && choice.Len() == 1 {
		_ = v.Remove("/tool_choice")
	}
	if limit := v.Member("max_completion_tokens"); limit != nil {
		v.Put("max_tokens", limit)
		_ = v.Remove("/max_completion_tokens")
	}
	if n := v.Member("n"); n.Text() == "1" {
		_ = v.Remove("/n")
	}
	return reduce(v)
}

func reduce(v *jsondoc.Value) *jsondoc.Value {
	switch v.Kind() {
	case jsondoc.Array:
		if v.Len() == 1 && v.Items()[0].Len() == 2 && v.Items()[0].Member("type").Str() == "text" {
			return v.Items()[0].Member("text")
		}
		out := jsondoc.NewArray()
		for _, item := range v.Items() {
			out.Append(reduce(item))
		}
		return out
	case jsondoc.Object:
		out := jsondoc.NewObject()
		for _, m := range v.Members() {
			if m.Value.Kind() == jsondoc.Null || m.Name == "strict" && m.Value.Text() == "false" || m.Name == "is_error" && m.Value.Text() == "false" {
				continue
			}
			value := m.Value
			if inner, err := jsondoc.ParseString(value.Str()); m.Name == "arguments" && err == nil {
				value = inner
			}
			out.Put(m.Name, reduce(value))
		}
		return out
	}
	return v
}

func TestConformanceAnswers(t *testing.T) {
	for _, api := range []string{OpenAIChat, AnthropicMessages} {
		var n, read int
		for _, pair := range sharedtest.Pairs(t, api) {
			n++
			var r *Response
			var err error
			if pair.Stream && strings.Contains(pair.Response.Body, "data:") {
				r, err = ParseStream(api, pair.Response.Status, strings.NewReader(pair.Response.Body))
			} else {
				r, err = ParseResponse(api, pair.Response.Status, []byte(pair.Response.Body))
			}
			if err != nil || r.Err != nil {
				t.Errorf("%s: %v %v", pair.Name, err, r)
				continue
			}
			c := r.Call
			complete := c.ResponseID != "" && c.ResponseModel != "" && len(c.FinishReasons) > 0 && c.Usage.InputTokens.Set &&
				c.Usage.OutputTokens.Set && !c.Output.Empty() && (c.OutputText() != "" || len(c.ToolCalls()) > 0)
			if complete {
				read++
			} else {
				t.Errorf("%s: id %q model %q finish %v usage %v", pair.Name, c.ResponseID, c.ResponseModel, c.FinishReasons, c.Usage)
			}
		}
		fmt.Printf("conformance: replay/%s answers read %d/%d\n", api, read, n)
	}
}

func TestConformanceRoundtrip(t *testing.T) {
	for _, set := range []string{"otel", "traceloop"} {
		for _, api := range []string{OpenAIChat, AnthropicMessages} {
			conformRoundtrip(t, set, api)
		}
	}
}

func conformRoundtrip(t *testing.T, set, api string) {
	file, err := os.Open(filepath.Join(sharedtest.Dir(t), "roundtrip", set+".jsonl"))
	require.NoError(t, err)
	defer file.Close()
	var n, equal, modulo, falseExact int
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var record struct {
			API     string          `json:"api"`
			Request json.RawMessage `json:"request"`
			Spans   []struct {
				Attributes map[string]any `json:"attributes"`
			} `json:"spans"`
			Logs []struct {
				Attributes map[string]any `json:"attributes"`
				Body       any            `json:"body"`
			} `json:"logs"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &record))
		if record.API != api {
			continue
		}
		n++
		want, err := jsondoc.Parse(record.Request)
		require.NoError(t, err)
		if len(record.Spans) == 0 {
			continue
		}
		span := ptrace.NewSpan()
		require.NoError(t, span.Attributes().FromRaw(record.Spans[0].Attributes))
		call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
		require.True(t, ok)
		if call.Input.Empty() {
			var history []genai.Message
			for _, l := range record.Logs {
				entry := plog.NewLogRecord()
				require.NoError(t, entry.Attributes().FromRaw(l.Attributes))
				require.NoError(t, entry.Body().FromRaw(l.Body))
				if event, ok := genai.ReadLog(entry, pcommon.NewInstrumentationScope(), pcommon.NewResource()); ok && event.Call != nil {
					list, err := event.Call.Input.List()
					require.NoError(t, err)
					history = append(history, list...)
				}
			}
			call.Input = genai.NewMessages(history)
		}
		r, err := Rebuild(api, call, RecordedOf(span.Attributes()))
		require.NoError(t, err)
		switch {
		case r.Grade == Exact:
			falseExact++
		case jsondoc.Equal(r.Body, withoutTransport(want)):
			equal++
		case jsondoc.Equal(modulus(r.Body), modulus(withoutTransport(want))):
			modulo++
		default:
			if os.Getenv("SPANLOOP_SHOW") != "" {
				for _, c := range jsondoc.Diff(modulus(withoutTransport(want)), modulus(r.Body)) {
					t.Logf("%s/%s %d %s: %.90s -> %.90s", set, api, n, c.Pointer, c.Before.Text(), c.After.Text())
				}
			}
		}
	}
	require.NoError(t, lines.Err())
	fmt.Printf("conformance: replay/roundtrip/%s/%s modelled equal %d/%d (and %d but for defaults and spacing), false exact %d\n", set, api, equal, n, modulo, falseExact)
	require.Zero(t, falseExact)
}
