// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

const (
	// maxFaults is how many faults of one text are told.
	maxFaults = 3
	// maxNames is how many names or values a fault lists, maxName how long each
	// may be, in characters.
	maxNames = 5
	maxName  = 40
	// maxLeaves bounds how many faults are looked at.
	maxLeaves = 10000
)

// faults tells where and why a text does not fit: JSON pointers and rules, never
// the text's own values. The order does not depend on the validator's.
func faults(invalid *jsonschema.ValidationError) string {
	list := collectFaults(invalid, nil)
	slices.Sort(list)
	list = slices.Compact(list)
	if more := len(list) - maxFaults; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(list[:maxFaults], "; "), more)
	}
	return strings.Join(list, "; ")
}

func collectFaults(invalid *jsonschema.ValidationError, list []string) []string {
	switch invalid.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Contains, *kind.PropertyNames:
	default:
		if len(invalid.Causes) == 0 {
			break
		}
		for _, cause := range invalid.Causes {
			list = collectFaults(cause, list)
		}
		return list
	}
	if len(list) < maxLeaves {
		list = append(list, pointer(invalid.InstanceLocation)+rule(invalid.ErrorKind))
	}
	return list
}

// maxPointer bounds a JSON pointer in an explanation, in characters.
const maxPointer = 100

// pointer writes a place in the text (RFC 6901) and a colon; nothing for the
// whole text.
func pointer(tokens []string) string {
	if len(tokens) == 0 {
		return ""
	}
	var out strings.Builder
	for _, token := range tokens {
		out.WriteByte('/')
		out.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(token, maxName)))
	}
	return clip(out.String(), maxPointer) + ": "
}

// rule says which rule was broken.
func rule(broken jsonschema.ErrorKind) string {
	switch k := broken.(type) {
	case *kind.Type:
		return fmt.Sprintf("got %s, want %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Enum:
		return "not one of " + valuesText(k.Want)
	case *kind.Const:
		return "not " + valuesText([]any{k.Want})
	case *kind.Format:
		if k.Want == "regex" {
			return patternFault(k.Err)
		}
		return "no valid " + clip(k.Want, maxName)
	case *kind.Pattern:
		return "does not match the pattern"
	case *kind.Required:
		return "missing " + namesText(k.Missing)
	case *kind.Dependency:
		return "missing " + namesText(k.Missing)
	case *kind.DependentRequired:
		return "missing " + namesText(k.Missing)
	case *kind.AdditionalProperties:
		return "unexpected " + namesText(k.Properties)
	case *kind.PropertyNames:
		return "unexpected " + namesText([]string{k.Property})
	case *kind.AnyOf:
		return "fits none of the alternatives"
	case *kind.OneOf:
		if len(k.Subschemas) == 0 {
			return "fits none of the alternatives"
		}
		return "fits more than one alternative"
	case *kind.Not, *kind.FalseSchema:
		return "not allowed"
	case *kind.UniqueItems:
		return fmt.Sprintf("items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	}
	return boundRule(broken)
}

// boundRule says which bound was broken.
func boundRule(broken jsonschema.ErrorKind) string {
	switch k := broken.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("shorter than %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("longer than %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("fewer than %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("more than %d items", k.Want)
	case *kind.AdditionalItems:
		return "more items than allowed"
	case *kind.Contains, *kind.MinContains:
		return "an item is missing"
	case *kind.MaxContains:
		return "too many items of a kind"
	case *kind.MinProperties:
		return fmt.Sprintf("fewer than %d properties", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("more than %d properties", k.Want)
	case *kind.Minimum:
		return "less than " + number(k.Want)
	case *kind.Maximum:
		return "more than " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "not more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "not less than " + number(k.Want)
	case *kind.MultipleOf:
		return "no multiple of " + number(k.Want)
	}
	return "does not fit the schema"
}

func number(limit *big.Rat) string {
	v, _ := limit.Float64()
	return fmt.Sprintf("%g", v)
}

// namesText lists property names in order.
func namesText(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	shown := make([]string, 0, maxNames)
	for _, name := range names[:min(len(names), maxNames)] {
		shown = append(shown, clip(name, maxName))
	}
	if more := len(names) - len(shown); more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), more)
	}
	return strings.Join(shown, ", ")
}

// valuesText lists the schema's allowed values.
func valuesText(values []any) string {
	texts := make([]string, 0, maxNames)
	for _, value := range values[:min(len(values), maxNames)] {
		switch value.(type) {
		case map[string]any:
			texts = append(texts, "an object")
		case []any:
			texts = append(texts, "an array")
		default:
			texts = append(texts, clip(fmt.Sprint(value), maxName))
		}
	}
	if more := len(values) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

func patternFault(err error) string {
	if errors.Is(err, errPatternSize) {
		return "a pattern is too large"
	}
	return "a pattern is not RE2 syntax"
}

// compileFault says why a schema cannot be used, without its content.
func compileFault(err error) error {
	var refused *jsonschema.SchemaValidationError
	if errors.As(err, &refused) {
		var invalid *jsonschema.ValidationError
		if errors.As(refused.Err, &invalid) {
			return errors.New("not a valid JSON schema: " + faults(invalid))
		}
		return errors.New("not a valid JSON schema")
	}
	var regex *jsonschema.InvalidRegexError
	if errors.As(err, &regex) {
		return errors.New(patternFault(regex.Err))
	}
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return errors.New("a reference leaves the schema")
	}
	return errors.New("a reference or identifier in it cannot be resolved")
}
