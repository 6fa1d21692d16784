// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package python holds values as Python has them, and prints them as Python
// prints them: f-string and Jinja templates are defined by that.
//
// A value is nil, a bool, a string, an *big.Int, a float64, a List or a *Dict.
package python

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// List is a Python list.
type List []any

// Dict is a Python dict with text keys, in the order of insertion.
type Dict struct {
	Keys   []string
	Values map[string]any
}

// Set adds a key or gives it another value.
func (d *Dict) Set(key string, value any) {
	if _, ok := d.Values[key]; !ok {
		d.Keys = append(d.Keys, key)
	}
	d.Values[key] = value
}

// maxDepth bounds the nesting of values.
const maxDepth = 64

// FromJSON reads a JSON text as Python's json.loads does: 1 is an int, 1.0 a
// float, and objects keep the order of their keys.
func FromJSON(text string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	value, err := decode(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err == nil {
		return nil, errors.New("more than one JSON value")
	}
	if strings.TrimSpace(text[d.InputOffset():]) != "" {
		return nil, errors.New("more than one JSON value")
	}
	return value, nil
}

func decode(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("values nested deeper than 64")
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return decodeDict(d, depth)
		}
		return decodeList(d, depth)
	case json.Number:
		return Number(t.String())
	}
	return token, nil
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	out := List{}
	for d.More() {
		value, err := decode(d, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	_, err := d.Token()
	return out, err
}

func decodeDict(d *json.Decoder, depth int) (any, error) {
	out := &Dict{Values: map[string]any{}}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("JSON: %w", err)
		}
		value, err := decode(d, depth+1)
		if err != nil {
			return nil, err
		}
		out.Set(key.(string), value)
	}
	_, err := d.Token()
	return out, err
}

// Number reads the text of a JSON number.
func Number(text string) (any, error) {
	if len(text) > 1000 {
		return nil, errors.New("a number of more than 1000 digits")
	}
	if !strings.ContainsAny(text, ".eE") {
		if n, ok := new(big.Int).SetString(text, 10); ok {
			return n, nil
		}
		return nil, fmt.Errorf("not a number: %q", text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("not a number that a double holds: %q", text)
	}
	return f, nil
}

// From takes values as Go programs have them.
func From(value any) any {
	switch v := value.(type) {
	case int:
		return big.NewInt(int64(v))
	case json.Number:
		if n, err := Number(v.String()); err == nil {
			return n
		}
		return v.String()
	case []any:
		out := make(List, len(v))
		for i := range v {
			out[i] = From(v[i])
		}
		return out
	}
	return value
}
