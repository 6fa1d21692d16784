// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// world is what synthetic traffic is made under at one moment.
type world struct {
	model, fingerprint, request, provider string
	tool, params                          string
	service, serviceVersion, sdk          string
	// effects of what is there on what is answered
	longer, search, fails float64
	// refunds is the share of questions about refunds, which are answered
	// longer.
	refunds float64
	// judge is the version of the judge, bias what it adds.
	judge string
	bias  float64
	// hidden are input tokens of text that the span does not show.
	hidden float64
	// wave moves the length of answers slowly up and down.
	wave float64
}

func usual() world {
	return world{
		model: "large-1", fingerprint: "fp-1", request: "large", provider: "acme", tool: "v1", params: `{"temperature":0.7}`,
		service: "web", serviceVersion: "1.0", sdk: "otel 1.0", search: 0.3, fails: 0.02, refunds: 0.4, judge: "j1",
	}
}

// traffic makes n calls under a world that may depend on the call's number,
// perSession of them in a session, one an hour.
func makeTraffic(seed uint64, n, perSession int, at func(i int) world) []traffic.Call {
	random := seeded(seed)
	calls := make([]traffic.Call, n)
	mood := 0.0
	for i := range calls {
		if i%perSession == 0 {
			mood = 0
			if perSession > 1 {
				mood = 0.6 * random.NormFloat64()
			}
		}
		w := at(i)
		calls[i] = w.call(random, i, mood+w.wave*math.Sin(float64(i)/25))
		calls[i].Cluster = uint64(i/perSession + 1)
		calls[i].TraceID, calls[i].SpanID = fmt.Sprintf("%032x", i+1), fmt.Sprintf("%016x", i+1)
		calls[i].Start = day.Add(time.Duration(i) * time.Hour)
	}
	return calls
}

func (w *world) call(random *rand.Rand, i int, mood float64) traffic.Call {
	refund := random.Float64() < w.refunds
	question, length := words(random, "where is my order parcel track delivery address street", 8), 30.0
	if refund {
		question, length = words(random, "refund money back broken return card payment please", 16), 50
	}
	length *= math.Exp(w.longer + 0.3*random.NormFloat64() + 0.5*mood)
	answer := words(random, "we have sent your order to the street and it will come soon thank you for asking", int(length)+1) + "."
	tokens := float64(len(question))/4 + 40 + w.hidden
	c := traffic.Call{
		Version: "v", DurationNS: 1e9 * math.Exp(0.4*random.NormFloat64()), TimeToFirstTokenNS: math.NaN(), CostUSD: math.NaN(),
		InputTokens: math.Round(tokens), OutputTokens: math.Round(length * 1.3), FinishReason: "stop", Refused: 0,
		Input: stats.TextFeatures(question, traffic.InputDimension), InputStyle: traffic.StyleOf(question), InputHash: stats.HashText(question),
		Output: stats.TextFeatures(answer, traffic.OutputDimension), OutputStyle: traffic.StyleOf(answer), OutputHash: stats.HashText(answer),
		VisibleInput: [3]float64{160, float64(len(question)), 200},
		Identity: traffic.Identity{
			Provider: w.provider, RequestModel: w.request, ResponseModel: w.model, Fingerprint: w.fingerprint, Service: w.service, ServiceVersion: w.serviceVersion,
			SDK: w.sdk, Params: w.params, ParamsHash: hashText(w.params), ToolsetHash: hashText(w.tool), PromptHash: hashText("template"),
			Tools: map[string]string{"search": w.tool, "order": "v1"},
		},
	}
	switch p := random.Float64(); {
	case p < w.fails:
		c.Failed, c.ErrorType, c.FinishReason = true, "timeout", ""
	case p < w.fails+w.search:
		c.Tools = []string{"search"}
	case p < 0.8:
		c.Tools = []string{"order"}
	}
	quality := max(0, min(1, 0.7+0.15*random.NormFloat64()+w.bias))
	c.Scores = map[string]traffic.Score{
		"helpful": {Value: quality, HasNumeric: true, Version: w.judge, Kind: evaluator.KindJudge, Direction: evaluator.HigherIsBetter, RangeLow: 0, RangeHigh: 1, Probability: 1},
	}
	return c
}

func words(random *rand.Rand, from string, n int) string {
	list := strings.Fields(from)
	picked := make([]string, n)
	for i := range picked {
		picked[i] = list[random.IntN(len(list))]
	}
	return strings.Join(picked, " ")
}

// steady is traffic under which nothing changes.
func steady(int) world { return usual() }

// turning is traffic under which something changes at call k.
func turning(k int, change func(*world)) func(int) world {
	return func(i int) world {
		w := usual()
		if i >= k {
			change(&w)
		}
		return w
	}
}

// splitAt are the options that compare the calls before number k with the rest.
func splitAt(k int) Options {
	at := day.Add(time.Duration(k) * time.Hour)
	return Options{Prompt: "p", Version: "v", Alpha: 0.05, BaselineUntil: at, Since: at}
}
