// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// evaluationEvent is the semantic conventions' event for a score.
const evaluationEvent = "gen_ai.evaluation.result"

// ownEvaluation marks score events of Spanloop's own evaluators, which are read
// elsewhere.
const ownEvaluation = "spanloop.evaluation.id"

// fillScores reads scores that the span already carries.
func (r *reading) fillScores(c *Call, span ptrace.Span) {
	c.Scores = append(c.Scores, r.scores...)
	if r.hasFamily(familyAnnotation) {
		for _, prefix := range []string{"annotations.", "evaluations.", "trace.annotations.", "session.annotations."} {
			c.Scores = append(c.Scores, r.annotations(prefix)...)
		}
	}
	r.each(fScores, func(m *match) bool {
		object, ok := r.document(m)
		object.ForEach(func(key, value gjson.Result) bool {
			if number, ok := finiteJSON(value); ok && len(c.Scores) < maxIndex {
				c.Scores = append(c.Scores, GivenScore{Name: key.Str, Value: Some(number), Kind: "external", Scope: "span"})
			}
			return true
		})
		return ok
	})
	if name := r.text(fFeedback); name != "" {
		c.Scores = append(c.Scores, logfireFeedback(name, span.Attributes()))
	}
}

// annotations reads OpenInference's annotations.N.annotation.*.
func (r *reading) annotations(prefix string) []GivenScore {
	var scores []GivenScore
	groups(r.indexed(prefix), func(group []entry) {
		score := GivenScore{Kind: "external", Scope: scopeOf(prefix)}
		for _, e := range group {
			value, _ := scalar(e.value)
			_, key, _ := strings.Cut(e.rest, ".")
			switch key {
			case "name":
				score.Name = value
			case "score":
				if f, ok := finite(e.value); ok {
					score.Value = Some(f)
				}
			case "label":
				score.Label = value
			case "explanation":
				score.Explanation = value
			case "identifier":
				score.Evaluator = value
			case "annotator_kind":
				score.Kind = annotatorKind(value)
			}
		}
		if score.Name != "" {
			scores = append(scores, score)
		}
	})
	return scores
}

func scopeOf(prefix string) string {
	switch {
	case strings.HasPrefix(prefix, "trace."):
		return "trace"
	case strings.HasPrefix(prefix, "session."):
		return "session"
	}
	return "span"
}

func annotatorKind(word string) string {
	switch strings.ToUpper(word) {
	case "LLM":
		return "judge"
	case "CODE":
		return "code"
	case "HUMAN":
		return "human"
	}
	return "external"
}

// logfireFeedback reads an annotation span: the attribute that the feedback's
// name names holds its value.
func logfireFeedback(name string, attributes pcommon.Map) GivenScore {
	score := GivenScore{Name: name, Kind: "human", Scope: "parent"}
	if value, ok := attributes.Get(name); ok {
		if f, isNumber := finite(value); isNumber {
			score.Value = Some(f)
		} else {
			score.Label = value.AsString()
		}
	}
	if comment, ok := attributes.Get("logfire.feedback.comment"); ok {
		score.Explanation = comment.AsString()
	}
	return score
}

// langWatchScore reads LangWatch's event, whose only attribute is JSON.
func (r *reading) langWatchScore(attributes pcommon.Map) {
	text := scalarOf(attributes, "json_encoded_event")
	if !ValidJSON(text) {
		r.problem(langWatchEvaluation, malformedReason(text))
		return
	}
	object := gjson.Parse(text)
	score := GivenScore{
		Name: object.Get("name").String(), Label: object.Get("label").String(),
		Explanation: object.Get("details").String(), Kind: "external", Scope: "span",
	}
	if number, ok := finiteJSON(object.Get("score")); ok {
		score.Value = Some(number)
	} else if passed := object.Get("passed"); passed.IsBool() {
		score.Value = Some(map[bool]float64{true: 1}[passed.Bool()])
	}
	if status := object.Get("status").String(); status == "error" {
		score.ErrorType = otherError
	} else if status == "skipped" {
		return
	}
	if score.Name != "" {
		r.scores = append(r.scores, score)
	}
}

// readEvaluation reads the attributes of a gen_ai.evaluation.result event.
func readEvaluation(attributes pcommon.Map) (GivenScore, bool) {
	score := GivenScore{Kind: "external", Scope: "span"}
	for key, value := range attributes.All() {
		switch key {
		case "gen_ai.evaluation.name":
			score.Name = value.AsString()
		case "gen_ai.evaluation.score.value":
			if f, ok := finite(value); ok {
				score.Value = Some(f)
			}
		case "gen_ai.evaluation.score.label":
			score.Label = value.AsString()
		case "gen_ai.evaluation.explanation":
			score.Explanation = value.AsString()
		case "error.type":
			score.ErrorType = value.AsString()
		case "gen_ai.evaluation.evaluator.version", "gen_ai.evaluation.evaluator.id":
			score.Evaluator = value.AsString()
		case "gen_ai.evaluation.evaluator.type":
			score.Kind = map[string]string{"llm_judge": "judge", "deterministic": "code", "human": "human"}[value.AsString()]
			if score.Kind == "" {
				score.Kind = "external"
			}
		}
	}
	return score, score.Name != ""
}
