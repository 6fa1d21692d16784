// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gowebpki/jcs"

	"github.com/spanloop/spanloop/internal/genai"
)

// Info describes an evaluator in the catalogue.
type Info struct {
	Name    string
	Summary string
	// Params names the parameters with their meaning, in order.
	Params []Param
	// Range is "min..max", Direction one of the direction constants.
	Range     string
	Direction string
	// NeedsParams is true when the evaluator does not work without parameters.
	NeedsParams bool
}

// Param describes one parameter of an evaluator.
type Param struct{ Name, Meaning string }

// Result is what an evaluator says about one call.
type Result struct {
	Value       genai.Opt[float64]
	Label       string
	Explanation string
}

// check evaluates one call; false says that the evaluator does not apply to it.
type check func(*Input) (Result, bool, error)

// definition is one entry of the catalogue.
type definition struct {
	info Info
	// revision is raised by hand whenever the same input could score otherwise.
	revision int
	build    func(raw json.RawMessage) (check, error)
}

// Evaluator is a configured evaluator.
type Evaluator struct {
	info    Info
	name    string
	version string
	check   check
}

// Name is the name of the evaluator's scores.
func (e *Evaluator) Name() string { return e.name }

// Version identifies everything that decides a score: the evaluator's code
// revision and its parameters.
func (e *Evaluator) Version() string { return e.version }

// Info describes the evaluator.
func (e *Evaluator) Info() Info { return e.info }

var catalogue = map[string]definition{}

// register is called by each evaluator's file.
func register(d definition) struct{} {
	catalogue[d.info.Name] = d
	return struct{}{}
}

// Catalogue lists all evaluators by name.
func Catalogue() []Info {
	list := make([]Info, 0, len(catalogue))
	for _, d := range catalogue {
		list = append(list, d.info)
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// New configures an evaluator. Its parameters are those of the catalogue, and
// "as" renames its scores. Unknown names and parameters are errors.
func New(name string, params map[string]any) (*Evaluator, error) {
	d, ok := catalogue[name]
	if !ok {
		return nil, fmt.Errorf("unknown evaluator %q; known: %s", name, strings.Join(names(), ", "))
	}
	e := &Evaluator{info: d.info, name: name}
	own := map[string]any{}
	for key, value := range params {
		if key == "as" {
			as, isText := value.(string)
			if !isText || as == "" {
				return nil, fmt.Errorf("%s: as: a name is expected", name)
			}
			e.name = as
			continue
		}
		own[key] = value
	}
	raw, err := json.Marshal(own)
	if err != nil {
		return nil, fmt.Errorf("%s: parameters: %w", name, err)
	}
	if e.check, err = d.build(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if e.version, err = version(name, d.revision, raw); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

// Defaults returns every evaluator that works without parameters.
func Defaults() []*Evaluator {
	var list []*Evaluator
	for _, info := range Catalogue() {
		if info.NeedsParams {
			continue
		}
		if e, err := New(info.Name, nil); err == nil {
			list = append(list, e)
		}
	}
	return list
}

func names() []string {
	var list []string
	for _, info := range Catalogue() {
		list = append(list, info.Name)
	}
	return list
}

// version hashes the evaluator's identity over canonical JSON (RFC 8785).
func version(name string, revision int, params json.RawMessage) (string, error) {
	identity := fmt.Appendf(nil, `{"evaluator":%q,"revision":%d,"params":%s}`, name, revision, params)
	canonical, err := jcs.Transform(identity)
	if err != nil {
		return "", fmt.Errorf("parameters: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:8]), nil
}

// decode reads parameters strictly into a struct.
func decode(raw json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	return nil
}

// noParams builds an evaluator that takes no parameters.
func noParams(c check) func(json.RawMessage) (check, error) {
	return func(raw json.RawMessage) (check, error) {
		return c, decode(raw, &struct{}{})
	}
}

// Evaluate scores one call; false says that the evaluator does not apply to it.
// A check that fails or panics yields a score without a value.
func (e *Evaluator) Evaluate(in *Input) (score Score, applies bool) {
	score = Score{
		Name: e.name, EvaluatorVersion: e.version, Kind: KindCode,
		Range: e.info.Range, Direction: e.info.Direction, Probability: 1,
	}
	defer func() {
		if reason := recover(); reason != nil {
			score.Value, score.Label = genai.Opt[float64]{}, ""
			score.ErrorType, score.Explanation = "panic", sanitise(fmt.Sprint(reason))
			applies = true
		}
	}()
	result, applies, err := e.check(in)
	if err != nil {
		score.ErrorType, score.Explanation = "evaluator_error", sanitise(err.Error())
		return score, true
	}
	score.Value, score.Label, score.Explanation = result.Value, result.Label, sanitise(result.Explanation)
	return score, applies
}

// maxExplanation bounds an explanation, in runes.
const maxExplanation = 512

// sanitise makes text from spans fit to be shown: no control characters, no
// bidirectional overrides, bounded.
func sanitise(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, text)
	if runes := []rune(clean); len(runes) > maxExplanation {
		return string(runes[:maxExplanation-1]) + "…"
	}
	return clean
}

// passFail labels a check whose value is 1 for pass and 0 for fail.
func passFail(pass bool, explanation string) Result {
	if pass {
		return Result{Value: genai.Some(1.0), Label: LabelPass, Explanation: explanation}
	}
	return Result{Value: genai.Some(0.0), Label: LabelFail, Explanation: explanation}
}
