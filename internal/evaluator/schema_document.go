// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// maxSchemaObjects bounds the subschemas of a schema: the compiler takes time
// with their square.
const maxSchemaObjects = 4000

// maxNumberText and maxExponent bound numbers: they are compared as exact
// fractions, and 1e999999 written out has a million digits.
const (
	maxNumberText = 400
	maxExponent   = 400
)

var errNumber = errors.New("a number is too large to compare")

// shapeOf is the size of a JSON value.
type shapeOf struct {
	depth, objects, values int
}

// measure walks a decoded value, whose nesting is bounded already.
func (s *shapeOf) measure(value any, depth int) error {
	s.depth = max(s.depth, depth)
	s.values++
	switch value := value.(type) {
	case map[string]any:
		s.objects++
		for _, member := range value {
			if err := s.measure(member, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range value {
			if err := s.measure(item, depth+1); err != nil {
				return err
			}
		}
	case json.Number:
		if !comparable(string(value)) {
			return errNumber
		}
	}
	return nil
}

func comparable(number string) bool {
	if len(number) > maxNumberText {
		return false
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[at+1:])
	return err == nil && exponent <= maxExponent && exponent >= -maxExponent
}

// openAPITypes are the type names of Gemini's schemas.
var openAPITypes = map[string]string{
	"STRING": "string", "NUMBER": "number", "INTEGER": "integer", "BOOLEAN": "boolean",
	"ARRAY": "array", "OBJECT": "object", "NULL": "null",
}

// literals are members whose values are data and no schemas.
var literals = map[string]bool{"enum": true, "const": true, "default": true, "examples": true, "example": true}

// normalise turns what providers accept beyond JSON schema into it: upper-case
// type names, OpenAPI's nullable, and drafts of which nothing is known.
func normalise(document any) {
	if root, ok := document.(map[string]any); ok {
		if draft, ok := root["$schema"].(string); ok && !knownDraft(draft) {
			delete(root, "$schema")
		}
	}
	normaliseNested(document)
}

func normaliseNested(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			normaliseNested(item)
		}
	case map[string]any:
		if name, ok := value["type"].(string); ok && openAPITypes[name] != "" {
			value["type"] = openAPITypes[name]
		}
		if nullable, ok := value["nullable"].(bool); ok && nullable {
			allowNull(value)
		}
		for key, member := range value {
			if !literals[key] {
				normaliseNested(member)
			}
		}
	}
}

// allowNull adds null to the types and values of a schema.
func allowNull(schema map[string]any) {
	if name, ok := schema["type"].(string); ok && name != "null" {
		schema["type"] = []any{name, "null"}
	}
	if values, ok := schema["enum"].([]any); ok {
		schema["enum"] = append(values[:len(values):len(values)], nil)
	}
}

// knownDraft tells whether $schema names a draft that the validator knows.
func knownDraft(uri string) bool {
	uri = strings.TrimSuffix(uri, "#")
	uri = strings.TrimPrefix(strings.TrimPrefix(uri, "http://"), "https://")
	switch uri {
	case "json-schema.org/draft-04/schema", "json-schema.org/draft-06/schema", "json-schema.org/draft-07/schema",
		"json-schema.org/draft/2019-09/schema", "json-schema.org/draft/2020-12/schema", "json-schema.org/schema":
		return true
	}
	return false
}
