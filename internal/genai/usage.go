// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// fillUsage reads token counts, cost and time to first token.
func (r *reading) fillUsage(c *Call) {
	u := &c.Usage
	u.InputTokens = r.integer(fInputTokens)
	u.OutputTokens = r.integer(fOutputTokens)
	u.CacheReadTokens = r.integer(fCacheRead)
	u.CacheWriteTokens = r.integer(fCacheWrite)
	u.ReasoningTokens = r.integer(fReasoning)
	if r.has(fUsageDetails) {
		r.each(fUsageDetails, func(m *match) bool {
			if object, ok := r.document(m); ok && object.IsObject() {
				u.readDetails(object, m.key)
			}
			return false
		})
	}
	c.CostUSD = r.number(fCost)
	if c.CostUSD.Set && c.CostUSD.Value < 0 {
		c.CostUSD = Opt[float64]{}
	}
	if seconds := r.number(fTTFTSeconds); seconds.Set && seconds.Value >= 0 && seconds.Value < 1e8 {
		c.TimeToFirstTokenNS = Some(int64(seconds.Value * 1e9))
	} else if millis := r.number(fTTFTMillis); millis.Set && millis.Value >= 0 && millis.Value < 1e11 {
		c.TimeToFirstTokenNS = Some(int64(millis.Value * 1e6))
	}
}

// readDetails fills counts from a JSON object of counts (Langfuse, LangSmith,
// MLflow) where the span states none by themselves.
func (u *Usage) readDetails(object gjson.Result, key string) {
	set := func(count *Opt[int64], names ...string) {
		if value := firstOf(object, names...); !count.Set && value.Type == gjson.Number && value.Num >= 0 {
			*count = Some(value.Int())
		}
	}
	if !strings.HasSuffix(key, "_token_details") {
		set(&u.InputTokens, "input", "input_tokens", "prompt_tokens")
		set(&u.OutputTokens, "output", "output_tokens", "completion_tokens")
	}
	set(&u.CacheReadTokens, "input_cached_tokens", "cache_read", "cache_read_input_tokens")
	set(&u.CacheWriteTokens, "cache_creation", "cache_creation_input_tokens", "input_cache_creation")
	set(&u.ReasoningTokens, "output_reasoning_tokens", "reasoning")
	details := object.Get("input_token_details")
	if read := details.Get("cache_read"); !u.CacheReadTokens.Set && read.Type == gjson.Number {
		u.CacheReadTokens = Some(read.Int())
	}
	if reasoning := object.Get("output_token_details.reasoning"); !u.ReasoningTokens.Set && reasoning.Type == gjson.Number {
		u.ReasoningTokens = Some(reasoning.Int())
	}
}

// fillFinish reads the finish reasons, one a choice; from the messages when no
// attribute states them.
func (r *reading) fillFinish(c *Call) {
	var reasons []string
	r.each(fFinish, func(m *match) bool {
		switch m.value.Type() {
		case pcommon.ValueTypeSlice:
			for _, item := range m.value.Slice().All() {
				if item.Type() == pcommon.ValueTypeStr && item.Str() != "" {
					reasons = append(reasons, item.Str())
				}
			}
		case pcommon.ValueTypeStr:
			reasons = finishWords(m.value.Str())
		default:
			r.problem(m.key, ReasonWrongType)
		}
		return len(reasons) > 0
	})
	if len(reasons) > 0 {
		c.FinishReasons = reasons
	}
	if len(c.FinishReasons) == 0 && c.Kind == KindInference && !c.Output.Empty() {
		if list, err := c.Output.List(); err == nil {
			c.FinishReasons = finishOf(list)
		}
	}
}

// finishWords splits LangSmith's "stop, stop", and reads a list in JSON text.
func finishWords(text string) []string {
	if looksClosed(text) && gjson.Valid(text) {
		var list []string
		gjson.Parse(text).ForEach(func(_, item gjson.Result) bool {
			list = append(list, item.String())
			return true
		})
		return list
	}
	var list []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" && word != "None" {
			list = append(list, word)
		}
	}
	return list
}
