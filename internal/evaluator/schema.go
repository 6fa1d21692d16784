// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/spanloop/spanloop/internal/genai"
)

// Bounds on JSON schema work. Schemas and arguments come from spans, so that
// anybody who reaches a model or a tool server can choose them.
const (
	// maxSchemaBytes bounds the text of a schema.
	maxSchemaBytes = 256 << 10
	// maxInstanceBytes bounds the text that is checked against one.
	maxInstanceBytes = 512 << 10
	// maxWork bounds the checks of one evaluator on one span, in the units of
	// schemaCosts: some tenths of a second at worst, where a usual call takes
	// some hundred units.
	maxWork uint64 = 1 << 22
)

var (
	errTooLarge     = fmt.Errorf("larger than %d KiB", maxInstanceBytes>>10)
	errTooDeep      = errors.New("nests too deep")
	errTooExpensive = errors.New("the schema is too complex for a text of this size")
	errCycle        = errors.New("the schema refers to itself without end")
)

// schema is a compiled JSON schema.
type schema struct {
	compiled *jsonschema.Schema
	costs    schemaCosts
}

// noLoader refuses to load anything: a schema from a span must not reach the
// network or a file.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("the reference leaves the schema") }

const schemaURL = "mem:///schema.json"

// compileSchema compiles JSON schema text; draft-07 unless it names another
// known draft. Errors name places and rules, never content.
func compileSchema(text string) (*schema, error) {
	if len(text) > maxSchemaBytes {
		return nil, fmt.Errorf("schema of %d bytes is larger than %d", len(text), maxSchemaBytes)
	}
	if !genai.ValidJSON(text) {
		return nil, errors.New("schema is no JSON, or nests too deep")
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("schema is no JSON")
	}
	var shape shapeOf
	if err := shape.measure(document, 0); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if shape.objects > maxSchemaObjects {
		return nil, fmt.Errorf("schema of %d objects: at most %d are used", shape.objects, maxSchemaObjects)
	}
	normalise(document)

	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.UseLoader(noLoader{})
	compiler.UseRegexpEngine(newPatternEngine())
	if err := compiler.AddResource(schemaURL, document); err != nil {
		return nil, fmt.Errorf("schema: %w", compileFault(err))
	}
	compiled, err := compiler.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", compileFault(err))
	}
	costs, err := costsOf(compiled)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return &schema{compiled: compiled, costs: costs}, nil
}

// validate checks JSON text and takes its cost off the work that is left. It
// returns whether the text fits and why not, or an error when that cannot be
// told.
func (s *schema) validate(text string, work *uint64) (fits bool, why string, err error) {
	if len(text) > maxInstanceBytes {
		return false, "", errTooLarge
	}
	if !genai.ValidJSON(text) {
		if json.Valid([]byte(text)) {
			return false, "", errTooDeep
		}
		return false, "not valid JSON", nil
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return false, "not valid JSON", nil
	}
	var shape shapeOf
	if err := shape.measure(instance, 0); err != nil {
		return false, "", err
	}
	cost := s.costs.of(shape, len(text))
	if cost > *work {
		return false, "", errTooExpensive
	}
	*work -= cost
	err = s.compiled.Validate(instance)
	if err == nil {
		return true, "", nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return false, "", errors.New("the check failed")
	}
	return false, faults(invalid), nil
}
