// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Response is a provider's answer.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Body is the answer's JSON; that of a streamed answer is put together from
	// its events.
	Body *jsondoc.Value
	// Call holds the answer side: output, usage, model, id, fingerprint, finish
	// reasons, error.
	Call *genai.Call
	// Err is set when the provider refused the request or broke off.
	Err *APIError
	// Streamed answers also say when their first event arrived.
	Streamed   bool
	FirstEvent time.Duration
	// Duration is the time from sending the request to the end of the answer,
	// that of the last attempt.
	Duration time.Duration
	// Attempts counts the requests that were sent, retries included.
	Attempts int
}

// APIError is an error as the provider states it.
type APIError struct {
	Status  int
	Type    string
	Message string
}

// Error says what the provider said. The text is the provider's: untrusted.
func (e *APIError) Error() string {
	text := e.Type
	if e.Status != 0 {
		text = fmt.Sprintf("HTTP %d %s", e.Status, e.Type)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// answerReader takes an answer apart.
type answerReader struct {
	document func(c *genai.Call, body *jsondoc.Value) (messages string)
	usage    func(u *genai.Usage, usage *jsondoc.Value)
}

// ParseResponse reads an answer that arrived whole. An answer that holds an
// error, or has a status other than 2xx, has Err set.
func ParseResponse(dialectName string, status int, body []byte) (*Response, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
	r := &Response{Status: status}
	document, err := jsondoc.Parse(body)
	switch {
	case err != nil && status/100 != 2:
		r.fail(d, &APIError{Status: status, Message: clipBody(string(body))})
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("%s answer: %w", d.name, err)
	}
	r.read(d, document)
	return r, nil
}

// read fills the response from the answer's document.
func (r *Response) read(d *dialect, document *jsondoc.Value) {
	r.Body = document
	if failure := d.errorOf(document); failure != nil || r.Status/100 != 2 {
		if failure == nil {
			failure = &APIError{Message: clipBody(document.Text())}
		}
		failure.Status = r.Status
		r.fail(d, failure)
		return
	}
	c := &genai.Call{Kind: genai.KindInference, Operation: "chat", Counted: true, Provider: d.providers[0]}
	c.ResponseID = document.Member("id").Str()
	c.ResponseModel = document.Member("model").Str()
	c.SystemFingerprint = document.Member("system_fingerprint").Str()
	messages := genai.MessagesFromJSON(d.answer.document(c, document))
	if list, err := messages.List(); err == nil {
		for i := range list {
			if list[i].Role == "" {
				list[i].Role = "assistant"
			}
			if list[i].FinishReason != "" {
				c.FinishReasons = append(c.FinishReasons, list[i].FinishReason)
			}
		}
		c.Output = genai.NewMessages(list)
	}
	d.answer.usage(&c.Usage, document.Member("usage"))
	r.Call = c
}

func (r *Response) fail(d *dialect, failure *APIError) {
	if failure.Type == "" {
		failure.Type = strconv.Itoa(r.Status)
	}
	r.Err = failure
	r.Call = &genai.Call{
		Kind: genai.KindInference, Operation: "chat", Counted: true, Provider: d.providers[0],
		ErrorType: failure.Type, ErrorMessage: failure.Message,
	}
}

// clipBody bounds a body that was no JSON.
func clipBody(text string) string {
	const limit = 300
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}

func errorMember(v *jsondoc.Value) *APIError {
	switch v.Kind() {
	case jsondoc.Object:
		e := &APIError{Type: v.Member("type").Str(), Message: clipBody(v.Member("message").Str())}
		if code := v.Member("code"); e.Type == "" && code != nil && code.Kind() != jsondoc.Null {
			e.Type = code.Text()
			if code.Is(jsondoc.String) {
				e.Type = code.Str()
			}
		}
		return e
	case jsondoc.String:
		return &APIError{Message: clipBody(v.Str())}
	}
	return nil
}

func count(v *jsondoc.Value) genai.Opt[int64] {
	if !v.Is(jsondoc.Number) {
		return genai.Opt[int64]{}
	}
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	if err != nil || n < 0 {
		return genai.Opt[int64]{}
	}
	return genai.Some(n)
}

func openAIAnswer(_ *genai.Call, body *jsondoc.Value) string {
	choices := body.Member("choices")
	if !choices.Is(jsondoc.Array) {
		return ""
	}
	return choices.Text()
}

func openAIUsage(u *genai.Usage, usage *jsondoc.Value) {
	u.InputTokens = count(usage.Member("prompt_tokens"))
	u.OutputTokens = count(usage.Member("completion_tokens"))
	u.CacheReadTokens = count(usage.Member("prompt_tokens_details").Member("cached_tokens"))
	u.ReasoningTokens = count(usage.Member("completion_tokens_details").Member("reasoning_tokens"))
}

func anthropicAnswer(_ *genai.Call, body *jsondoc.Value) string { return "[" + body.Text() + "]" }

// anthropicUsage adds the cached tokens, which the provider counts apart.
func anthropicUsage(u *genai.Usage, usage *jsondoc.Value) {
	u.InputTokens = count(usage.Member("input_tokens"))
	u.OutputTokens = count(usage.Member("output_tokens"))
	u.CacheReadTokens = count(usage.Member("cache_read_input_tokens"))
	u.CacheWriteTokens = count(usage.Member("cache_creation_input_tokens"))
	if u.InputTokens.Set {
		u.InputTokens.Value += u.CacheReadTokens.Value + u.CacheWriteTokens.Value
	}
}

// PutAttributes sets what the semantic conventions have attributes for.
func (r *Response) PutAttributes(a pcommon.Map) {
	c := r.Call
	text := func(key, value string) {
		if value != "" {
			a.PutStr(key, value)
		}
	}
	number := func(key string, n genai.Opt[int64]) {
		if n.Set {
			a.PutInt(key, n.Value)
		}
	}
	text("gen_ai.response.id", c.ResponseID)
	text("gen_ai.response.model", c.ResponseModel)
	text("openai.response.system_fingerprint", c.SystemFingerprint)
	text("gen_ai.output.messages", c.Output.JSON())
	text("error.type", c.ErrorType)
	number("gen_ai.usage.input_tokens", c.Usage.InputTokens)
	number("gen_ai.usage.output_tokens", c.Usage.OutputTokens)
	number("gen_ai.usage.cache_read.input_tokens", c.Usage.CacheReadTokens)
	number("gen_ai.usage.cache_creation.input_tokens", c.Usage.CacheWriteTokens)
	number("gen_ai.usage.reasoning.output_tokens", c.Usage.ReasoningTokens)
	if len(c.FinishReasons) > 0 {
		list := a.PutEmptySlice("gen_ai.response.finish_reasons")
		for _, reason := range c.FinishReasons {
			list.AppendEmpty().SetStr(reason)
		}
	}
	if r.Streamed && r.FirstEvent > 0 {
		a.PutDouble("gen_ai.response.time_to_first_chunk", r.FirstEvent.Seconds())
	}
}
