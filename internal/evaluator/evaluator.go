// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/nearest"
	"github.com/spanloop/spanloop/internal/registry"
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
	build    build
}

// build reads an evaluator's parameters and returns its check, and those
// parameters as they count: defaults filled in, forms that mean the same made
// one. The version is taken over the latter.
type build func(raw json.RawMessage) (run check, effective any, err error)

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

// Names lists the names of all evaluators.
func Names() []string {
	list := slices.Collect(maps.Keys(catalogue))
	slices.Sort(list)
	return list
}

// New configures an evaluator. Its parameters are those of the catalogue, and
// "as" renames its scores. Unknown names and parameters are errors.
func New(name string, params map[string]any) (*Evaluator, error) {
	d, ok := catalogue[name]
	if !ok {
		return nil, fmt.Errorf("unknown evaluator %q; did you mean %s? All are in docs/evaluators.md",
			sanitise(name, maxName), strings.Join(nearest.Names(name, Names(), 3), ", "))
	}
	e := &Evaluator{info: d.info, name: name}
	own := map[string]any{}
	for key, value := range params {
		if key == "as" {
			as, isText := value.(string)
			if !isText || !scoreName.MatchString(as) {
				return nil, fmt.Errorf("%s: as: a name of up to 64 letters, digits and _ - . is expected", name)
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
	run, effective, err := d.build(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	e.check = run
	if e.version, err = version(name, d.revision, effective); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	rememberKeys(e.name)
	return e, nil
}

// scoreName is what scores may be called: it becomes part of attribute and
// column names.
var scoreName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

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

// versionDigits is how many hex digits of the hash a version shows.
const versionDigits = 16

// version hashes the evaluator's identity over canonical JSON (RFC 8785).
func version(name string, revision int, effective any) (string, error) {
	identity, err := json.Marshal(map[string]any{"evaluator": name, "revision": revision, "params": effective})
	if err != nil {
		return "", fmt.Errorf("parameters: %w", err)
	}
	hash, err := registry.HashJSON(identity)
	if err != nil {
		return "", fmt.Errorf("parameters: %w", err)
	}
	return hash[:len(registry.HashPrefix)+versionDigits], nil
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
func noParams(c check) build {
	return func(raw json.RawMessage) (check, any, error) {
		return c, struct{}{}, decode(raw, &struct{}{})
	}
}

var errNotFinite = errors.New("the value is no finite number")

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
			score.ErrorType, score.Explanation = "panic", sanitise(fmt.Sprint(reason), maxExplanation)
			applies = true
		}
	}()
	result, applies, err := e.check(in)
	if v := result.Value; err == nil && v.Set && (math.IsNaN(v.Value) || math.IsInf(v.Value, 0)) {
		err = errNotFinite
	}
	if err != nil {
		score.ErrorType, score.Explanation = "evaluator_error", sanitise(err.Error(), maxExplanation)
		return score, true
	}
	score.Value = result.Value
	score.Label, score.Explanation = sanitise(result.Label, maxLabel), sanitise(result.Explanation, maxExplanation)
	return score, applies
}

// Bounds on the texts of a score, in characters.
const (
	maxExplanation = 512
	maxLabel       = 100
)

// sanitise makes text from spans fit to be shown: no control characters, no
// bidirectional overrides, bounded.
func sanitise(text string, limit int) string {
	if isPlain(text) && len(text) <= limit {
		return text
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, clip(text, 4*limit))
	return clip(clean, limit)
}

// isPlain tells whether a text is printable ASCII.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
