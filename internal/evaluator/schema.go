// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

const (
	// maxSchemaBytes bounds a schema that came with a span.
	maxSchemaBytes = 256 << 10
	// cacheEntries bounds each of the cache's two generations.
	cacheEntries = 2048
)

// schema is a compiled JSON schema, or the reason why it could not be compiled.
type schema struct {
	compiled *jsonschema.Schema
	err      error
}

// noLoader refuses to load anything: a schema from a span must not reach the
// network or a file.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("reference %q leaves the schema", url)
}

// compileSchema compiles JSON schema text; draft-07 unless it says otherwise.
func compileSchema(text string) (*jsonschema.Schema, error) {
	if len(text) > maxSchemaBytes {
		return nil, fmt.Errorf("schema of %d bytes is larger than %d", len(text), maxSchemaBytes)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("schema is no JSON: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.UseLoader(noLoader{})
	const url = "mem:///schema.json"
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return compiler.Compile(url)
}

// validateJSON validates JSON text. The first result says whether it is valid,
// the second where and why not.
func validateJSON(s *jsonschema.Schema, text string) (bool, string) {
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return false, "not valid JSON"
	}
	err = s.Validate(instance)
	if err == nil {
		return true, ""
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return false, err.Error()
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	printer := message.NewPrinter(language.English)
	return false, "/" + strings.Join(invalid.InstanceLocation, "/") + ": " + invalid.ErrorKind.LocalizedString(printer)
}

// cache keeps what was worked out for recent texts, in bounded memory: when the
// young generation is full it becomes the old one.
type cache[T any] struct {
	mu         sync.RWMutex
	young, old map[string]T
}

// get returns the cached value for a text, or makes and keeps it.
func (c *cache[T]) get(text string, make func(string) T) T {
	c.mu.RLock()
	value, ok := c.young[text]
	c.mu.RUnlock()
	if ok {
		return value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok = c.young[text]; ok {
		return value
	}
	if value, ok = c.old[text]; !ok {
		text = strings.Clone(text)
		value = make(text)
	}
	if c.young == nil || len(c.young) >= cacheEntries {
		c.old, c.young = c.young, map[string]T{}
	}
	c.young[text] = value
	return value
}
