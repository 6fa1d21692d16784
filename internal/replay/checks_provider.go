// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strconv"
	"strings"

	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// provider looks for what depends on the provider's state, account or time.
func (c *checker) provider() {
	body, call := c.request.Body, c.source.Call
	for _, name := range []string{"previous_response_id", "conversation", "container", "cached_content"} {
		if v := body.Member(name); v != nil && v.Kind() != jsondoc.Null {
			c.add(wire.Error, "stateful", jsondoc.Join("", name), name+" refers to state that the provider keeps")
		}
	}
	for i, tool := range body.Member("tools").Items() {
		if kind := tool.Member("type").Str(); kind != "" && kind != "function" && kind != "custom" {
			c.add(wire.Warning, "server-tool", jsondoc.JoinIndex("/tools", i), quote(kind)+" is run by the provider: its results cannot be held equal")
		}
	}
	if body.Member("mcp_servers").Len() > 0 {
		c.add(wire.Warning, "server-tool", "/mcp_servers", "MCP servers are called by the provider: their results cannot be held equal")
	}
	if call.ResponseModel != "" && call.RequestModel != "" && call.ResponseModel != call.RequestModel {
		c.add(wire.Warning, "model-alias", "/model", "the recorded answer came from "+quote(call.ResponseModel)+" for "+quote(call.RequestModel)+
			", which may mean another model today; --pin-model makes both arms ask for the former")
	}
	if n, err := strconv.Atoi(body.Member("n").Text()); err == nil && n > 1 {
		c.add(wire.Info, "several-choices", "/n", "each answer has several choices; the first one is compared")
	}
	if body.Member("seed") != nil {
		c.add(wire.Info, "seed", "/seed", "a seed is set: equal answers show only that sampling is repeatable")
	}
	if call.Usage.CacheReadTokens.Value > 0 {
		c.add(wire.Info, "cache", "", "the recorded call read the provider's cache: latency and cost are not comparable")
	}
	if v, ok := c.source.Span.Attributes().Get("gen_ai.request.stream"); ok && v.Bool() {
		c.add(wire.Info, "streamed", "/stream", "the recorded answer was streamed; replays are not unless --stream is given")
	}
}

// parts looks into the messages for parts that travel badly.
func (c *checker) parts() {
	unsigned, foreign, remote, files := "", "", "", ""
	walk(c.request.Body.Member("messages"), "/messages", func(at string, v *jsondoc.Value) {
		switch kind := v.Member("type").Str(); kind {
		case "thinking":
			if v.Member("signature").Str() == "" {
				unsigned = at
			} else {
				foreign = at
			}
		case "redacted_thinking":
			foreign = at
		case "image_url", "image", "document":
			url := v.Member("image_url").Member("url").Str() + v.Member("source").Member("url").Str()
			if strings.HasPrefix(url, "http") {
				remote = at
			}
			if v.Member("source").Member("file_id") != nil {
				files = at
			}
		case "file":
			if v.Member("file").Member("file_id") != nil {
				files = at
			}
		}
	})
	if unsigned != "" && c.request.Dialect == wire.AnthropicMessages {
		c.add(wire.Error, "thinking-unsigned", unsigned, "a thinking block has no signature: the API refuses it")
	}
	if foreign != "" {
		c.add(wire.Warning, "thinking-bound", foreign, "signed thinking is bound to its model and account")
	}
	if remote != "" {
		c.add(wire.Warning, "remote-content", remote, "a part is fetched by the provider from a URL: it may have changed since")
	}
	if files != "" {
		c.add(wire.Warning, "file-reference", files, "a part refers to a file that the provider keeps: it may be gone")
	}
}

// walk calls visit for every object below a value.
func walk(v *jsondoc.Value, at string, visit func(string, *jsondoc.Value)) {
	if v.Is(jsondoc.Object) {
		visit(at, v)
	}
	for i, item := range v.Items() {
		walk(item, jsondoc.JoinIndex(at, i), visit)
	}
	for _, m := range v.Members() {
		walk(m.Value, jsondoc.Join(at, m.Name), visit)
	}
}

// recorded looks at how the recorded call ended.
func (c *checker) recorded() {
	call := c.source.Call
	if call.ErrorType != "" {
		c.add(wire.Warning, "recorded-error", "", "the recorded call failed with "+quote(call.ErrorType)+": there is no answer to compare with")
		return
	}
	for _, reason := range call.FinishReasons {
		switch reason {
		case "length", "max_tokens", "content_filter", "refusal":
			c.add(wire.Warning, "recorded-cut", "", "the recorded answer ended with "+quote(reason))
			return
		}
	}
	if call.Output.Empty() {
		c.add(wire.Warning, "no-output", "", "the span holds no answer: replays are compared with each other only")
	}
}

// quote shows text from a span in a message of ours.
func quote(text string) string {
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return strconv.Quote(text)
}

// failed tells whether findings forbid sending.
func failed(notes []wire.Note) bool {
	for _, n := range notes {
		if n.Severity == wire.Error {
			return true
		}
	}
	return false
}
