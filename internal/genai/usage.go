// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Bounds on stated times to the first token; more is a mistake of the sender.
const (
	maxTTFTSeconds = 1e8
	maxTTFTMillis  = 1e11
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
			if object, ok := r.details(m); ok && object.IsObject() {
				u.readDetails(object, m.key)
				if m.key == "langfuse.observation.usage_details" {
					u.addApart(object)
				}
				if seconds := object.Get("time_to_first_token"); m.key == "braintrust.metrics" && seconds.Type == gjson.Number {
					c.setTTFT(seconds.Num, maxTTFTSeconds, 1e9)
				}
				r.saw(m.target.dialect)
			}
			return false
		})
	}
	r.fillCost(c)
	if seconds := r.number(fTTFTSeconds); seconds.Set {
		c.setTTFT(seconds.Value, maxTTFTSeconds, 1e9)
	} else if millis := r.number(fTTFTMillis); millis.Set {
		c.setTTFT(millis.Value, maxTTFTMillis, 1e6)
	}
}

// details reads an object of counts; LangSmith prints two of them as Python does.
func (r *reading) details(m *match) (gjson.Result, bool) {
	if m.value.Type() == pcommon.ValueTypeStr && strings.HasPrefix(m.value.Str(), "{'") {
		if text := strings.ReplaceAll(m.value.Str(), "'", `"`); ValidJSON(text) {
			return gjson.Parse(text), true
		}
	}
	return r.document(m)
}

func (c *Call) setTTFT(value, limit, nanoseconds float64) {
	if value >= 0 && value < limit {
		c.TimeToFirstTokenNS = Some(int64(value * nanoseconds))
	}
}

// fillCost reads the stated cost. A cost of zero for a call that used tokens
// means that the sender had no price.
func (r *reading) fillCost(c *Call) {
	cost := r.number(fCost)
	used := c.Usage.InputTokens.Value > 0 || c.Usage.OutputTokens.Value > 0
	if cost.Set && cost.Value >= 0 && !(cost.Value == 0 && used) {
		c.CostUSD = cost
	}
}

// readDetails fills counts from a JSON object of counts (Langfuse, LangSmith,
// MLflow, Braintrust) where the span states none by themselves.
func (u *Usage) readDetails(object gjson.Result, key string) {
	if !strings.HasSuffix(key, "_token_details") {
		fillCount(&u.InputTokens, object, "input", "input_tokens", "prompt_tokens")
		fillCount(&u.OutputTokens, object, "output", "output_tokens", "completion_tokens")
	}
	fillCount(&u.CacheReadTokens, object, "input_cached_tokens", "cache_read", "cache_read_input_tokens", "input_cache_read", "prompt_cached_tokens")
	fillCount(&u.CacheWriteTokens, object, "cache_creation", "cache_creation_input_tokens", "input_cache_creation", "prompt_cache_creation_tokens")
	fillCount(&u.ReasoningTokens, object, "output_reasoning_tokens", "reasoning", "completion_reasoning_tokens")
	if details := firstOf(object, "input_token_details", "input_tokens_details", "prompt_tokens_details"); details.IsObject() {
		fillCount(&u.CacheReadTokens, details, "cache_read", "cached_tokens")
		fillCount(&u.CacheWriteTokens, details, "cache_creation", "cache_write_tokens")
	}
	if details := firstOf(object, "output_token_details", "output_tokens_details", "completion_tokens_details"); details.IsObject() {
		fillCount(&u.ReasoningTokens, details, "reasoning", "reasoning_tokens")
	}
}

// addApart adds the counts that a sender states beside input and output instead of
// within them (Langfuse's JavaScript wrapper): then only all together are the total.
func (u *Usage) addApart(object gjson.Result) {
	input, output := object.Get("input"), object.Get("output")
	var inputs, outputs int64
	object.ForEach(func(key, value gjson.Result) bool {
		count, _ := wholeJSON(value)
		switch {
		case strings.HasPrefix(key.Str, "input_"):
			inputs += count
		case strings.HasPrefix(key.Str, "output_"):
			outputs += count
		}
		return true
	})
	total, stated := wholeJSON(object.Get("total"))
	in, _ := wholeJSON(input)
	out, _ := wholeJSON(output)
	if stated && inputs+outputs > 0 && total == in+inputs+out+outputs {
		addCount(&u.InputTokens, in, inputs)
		addCount(&u.OutputTokens, out, outputs)
	}
}

// addCount adds to a count that still is what the same object states.
func addCount(count *Opt[int64], stated, more int64) {
	if count.Set && count.Value == stated {
		count.Value += more
	}
}

// readProvider fills counts from the usage member of a provider's answer: OpenAI
// chat, OpenAI Responses, Anthropic, Gemini. Anthropic's input_tokens leave
// cached tokens out and Gemini's candidates leave thoughts out: they are added.
func (u *Usage) readProvider(usage gjson.Result) {
	if !usage.IsObject() {
		return
	}
	stated := u.InputTokens.Set
	fillCount(&u.InputTokens, usage, "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count")
	fillCount(&u.CacheReadTokens, usage, "cache_read_input_tokens", "cachedContentTokenCount", "cached_content_token_count")
	fillCount(&u.CacheWriteTokens, usage, "cache_creation_input_tokens")
	if raw := firstOf(usage, "cache_read_input_tokens", "cache_creation_input_tokens"); !stated && u.InputTokens.Set && raw.Exists() {
		u.InputTokens.Value += u.CacheReadTokens.Value + u.CacheWriteTokens.Value
	}
	if details := firstOf(usage, "prompt_tokens_details", "input_tokens_details"); details.IsObject() {
		fillCount(&u.CacheReadTokens, details, "cached_tokens")
	}
	fillCount(&u.ReasoningTokens, usage, "thoughtsTokenCount", "thoughts_token_count")
	if details := firstOf(usage, "completion_tokens_details", "output_tokens_details"); details.IsObject() {
		fillCount(&u.ReasoningTokens, details, "reasoning_tokens")
	}
	if candidates := firstOf(usage, "candidatesTokenCount", "candidates_token_count"); candidates.Type == gjson.Number {
		u.addThoughts(candidates)
		return
	}
	fillCount(&u.OutputTokens, usage, "completion_tokens", "output_tokens")
}

// addThoughts sets the output tokens of a Gemini answer. A sender that states
// the bare candidates is corrected.
func (u *Usage) addThoughts(candidates gjson.Result) {
	count, ok := wholeJSON(candidates)
	if !ok || u.OutputTokens.Set && u.OutputTokens.Value != count {
		return
	}
	u.OutputTokens = Some(count + u.ReasoningTokens.Value)
}

// fillCount sets a count that is not set yet from the first of the named members
// that is present, if that is a whole number.
func fillCount(count *Opt[int64], object gjson.Result, names ...string) {
	if count.Set {
		return
	}
	if n, ok := wholeJSON(firstOf(object, names...)); ok {
		*count = Some(n)
	}
}

// maxWhole is the largest whole number that every JSON reader keeps exactly.
const maxWhole = 1 << 53

func wholeJSON(value gjson.Result) (int64, bool) {
	if value.Type != gjson.Number || value.Num < 0 || value.Num > maxWhole {
		return 0, false
	}
	return int64(value.Num), true
}

// includeCache makes the input tokens include cached ones, as the conventions
// ask, where the sender left them out: cached tokens cannot outnumber the
// total they belong to.
func (u *Usage) includeCache() {
	cached := u.CacheReadTokens.Value + u.CacheWriteTokens.Value
	if u.InputTokens.Set && cached > u.InputTokens.Value {
		u.InputTokens.Value += cached
	}
}

// fillFinish reads the finish reasons, one a choice; from the messages when no
// attribute states them.
func (r *reading) fillFinish(c *Call) {
	reasons := r.list[:0]
	r.each(fFinish, func(m *match) bool {
		switch m.value.Type() {
		case pcommon.ValueTypeSlice:
			for _, item := range m.value.Slice().All() {
				if item.Type() == pcommon.ValueTypeStr && item.Str() != "" {
					reasons = append(reasons, item.Str())
				}
			}
		case pcommon.ValueTypeStr:
			reasons = append(reasons[:0], finishWords(m.value.Str())...)
		case pcommon.ValueTypeEmpty:
		default:
			r.problem(m.key, ReasonWrongType)
		}
		return len(reasons) > 0
	})
	r.list = reasons
	if len(reasons) > 0 {
		c.FinishReasons = r.sharedWords(reasons)
	}
	if len(c.FinishReasons) == 0 && c.Kind == KindInference && !c.Output.Empty() {
		if list, err := c.Output.List(); err == nil {
			c.FinishReasons = finishOf(list)
		}
	}
}

// finishWords splits LangSmith's "stop, stop", and reads a list in JSON text.
func finishWords(text string) []string {
	if looksClosed(text) && ValidJSON(text) {
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
