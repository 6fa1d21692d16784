// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// AttrLayout is the optional attribute that lets a rebuilt request be equal to
// the recorded one byte for byte, not only as JSON.
const AttrLayout = "spanloop.request.layout"

// Captured is what a span should carry about a request.
type Captured struct {
	// Attributes are the gen_ai.* and spanloop.request.* attributes.
	Attributes pcommon.Map
	// Call is the request side of the call, as it will be read from the span.
	Call *genai.Call
	// SHA256 is empty for a request that has no canonical form: with it alone
	// missing, a replay is modelled, never exact.
	SHA256 string
	// Residual is the JSON object of spanloop.request.residual; empty when the
	// semantic conventions carry everything.
	Residual string
	// Stream tells whether a streamed answer was asked for.
	Stream bool
}

// CaptureOptions change what Capture records.
type CaptureOptions struct {
	// WithoutContent records model, parameters and hash, but no message, tool
	// or residual: the hash proves a request that is found elsewhere.
	WithoutContent bool
	// WithoutLayout leaves out what only matters for equal bytes.
	WithoutLayout bool
}

// Capture takes a request body apart into the attributes from which Rebuild
// makes the same request again. ErrDialect and jsondoc.ErrSyntax are returned
// for bodies that cannot be read.
func Capture(dialectName string, body []byte) (*Captured, error) {
	return CaptureWith(dialectName, body, CaptureOptions{})
}

// CaptureWith is Capture with options.
func CaptureWith(dialectName string, body []byte, options CaptureOptions) (*Captured, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
	document, err := jsondoc.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("%s request: %w", d.name, err)
	}
	if !document.Is(jsondoc.Object) {
		return nil, fmt.Errorf("%s request: %w: %s instead of an object", d.name, jsondoc.ErrSyntax, document.Kind())
	}
	span := ptrace.NewSpan()
	c := &Captured{Attributes: span.Attributes(), Stream: document.Member("stream").Text() == "true"}
	c.putRequest(d, document, options)
	call, ok := genai.Read(span, pcommon.NewInstrumentationScope(), pcommon.NewResource())
	if !ok {
		return nil, fmt.Errorf("%s request: it could not be read back", d.name)
	}
	c.Call = call
	c.prove(d, document, body, options)
	return c, nil
}

// putRequest sets what the semantic conventions have attributes for.
func (c *Captured) putRequest(d *dialect, body *jsondoc.Value, options CaptureOptions) {
	a := c.Attributes
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", d.providers[0])
	if model := body.Member("model"); model.Is(jsondoc.String) {
		a.PutStr("gen_ai.request.model", model.Str())
	}
	for _, m := range body.Members() {
		if name, ok := d.params[m.Name]; ok {
			putParam(a, "gen_ai.request."+name, m.Value)
		}
	}
	if c.Stream {
		a.PutBool("gen_ai.request.stream", true)
	}
	if format := body.Member("response_format").Member("type").Str(); strings.HasPrefix(format, "json") {
		a.PutStr("gen_ai.output.type", "json")
	}
	if options.WithoutContent {
		return
	}
	parts := d.capture(body)
	if parts.system.Is(jsondoc.String) {
		p := genai.NewParts([]genai.Part{{Type: genai.PartText, Content: parts.system.Str()}})
		a.PutStr("gen_ai.system_instructions", p.JSON())
	} else if parts.system.Is(jsondoc.Array) {
		m := genai.MessagesFromJSON(`[{"role":"system","content":` + parts.system.Text() + `}]`)
		if list, err := m.List(); err == nil && len(list) == 1 && len(list[0].Parts) > 0 {
			p := genai.NewParts(list[0].Parts)
			a.PutStr("gen_ai.system_instructions", p.JSON())
		}
	}
	if parts.messages.Is(jsondoc.Array) {
		putMessages(a, "gen_ai.input.messages", parts.messages.Text())
	}
	if tools := body.Member("tools"); tools.Is(jsondoc.Array) && tools.Len() > 0 {
		definitions := genai.ToolDefinitionsFromJSON(tools.Text())
		if list, err := definitions.List(); err == nil && len(list) == tools.Len() {
			a.PutStr("gen_ai.tool.definitions", definitions.JSON())
		}
	}
}

// putMessages sets messages in the OpenTelemetry shape, each provider message
// one message.
func putMessages(a pcommon.Map, key, providerJSON string) {
	m := genai.MessagesFromJSON(providerJSON)
	list, err := m.List()
	if err != nil || len(list) == 0 {
		return
	}
	shaped := genai.NewMessages(list)
	a.PutStr(key, shaped.JSON())
}

// putParam sets a parameter when an attribute can hold it.
func putParam(a pcommon.Map, key string, v *jsondoc.Value) {
	switch v.Kind() {
	case jsondoc.Bool:
		a.PutBool(key, v.Text() == "true")
	case jsondoc.String:
		if strings.HasSuffix(key, ".stop_sequences") {
			a.PutEmptySlice(key).AppendEmpty().SetStr(v.Str())
			return
		}
		a.PutStr(key, v.Str())
	case jsondoc.Number:
		if n, err := strconv.ParseInt(v.Text(), 10, 64); err == nil {
			a.PutInt(key, n)
		} else if f, err := strconv.ParseFloat(v.Text(), 64); err == nil && !jsondoc.LosesDigits(v.Text()) {
			a.PutDouble(key, f)
		}
	case jsondoc.Array:
		for _, item := range v.Items() {
			if !item.Is(jsondoc.String) {
				return
			}
		}
		list := a.PutEmptySlice(key)
		for _, item := range v.Items() {
			list.AppendEmpty().SetStr(item.Str())
		}
	}
}

// prove adds dialect, hash, residual and layout.
func (c *Captured) prove(d *dialect, document *jsondoc.Value, body []byte, options CaptureOptions) {
	a := c.Attributes
	a.PutStr(identity.AttrRequestDialect, d.name)
	hash, err := Hash(document)
	if err != nil {
		return
	}
	c.SHA256 = hash
	a.PutStr(identity.AttrRequestSHA256, hash)
	if options.WithoutContent {
		return
	}
	base, _ := d.base(c.Call)
	if residual := newResidual(base, withoutTransport(document)); residual != nil {
		c.Residual = residual.Text()
		a.PutStr(identity.AttrRequestResidual, c.Residual)
		if applyResidual(base, residual) != nil {
			return
		}
	}
	if !options.WithoutLayout {
		if layout := newLayout(base, document, body); layout != "" {
			a.PutStr(AttrLayout, layout)
		}
	}
}

// KeyValues are the attributes as the OpenTelemetry SDK takes them.
func (c *Captured) KeyValues() []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, c.Attributes.Len())
	for key, value := range c.Attributes.All() {
		switch value.Type() {
		case pcommon.ValueTypeStr:
			list = append(list, attribute.String(key, value.Str()))
		case pcommon.ValueTypeBool:
			list = append(list, attribute.Bool(key, value.Bool()))
		case pcommon.ValueTypeInt:
			list = append(list, attribute.Int64(key, value.Int()))
		case pcommon.ValueTypeDouble:
			list = append(list, attribute.Float64(key, value.Double()))
		case pcommon.ValueTypeSlice:
			var texts []string
			for _, item := range value.Slice().All() {
				texts = append(texts, item.AsString())
			}
			list = append(list, attribute.StringSlice(key, texts))
		}
	}
	return list
}
