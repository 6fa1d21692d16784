// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// versionFile is the order in which a version's keys are written.
type versionFile struct {
	Version        string            `yaml:"version"`
	Author         string            `yaml:"author,omitempty"`
	Time           string            `yaml:"time"`
	Message        string            `yaml:"message,omitempty"`
	Parent         string            `yaml:"parent,omitempty"`
	Format         string            `yaml:"format,omitempty"`
	Hash           string            `yaml:"hash,omitempty"`
	Origin         *Origin           `yaml:"origin,omitempty"`
	Partials       map[string]string `yaml:"partials,omitempty"`
	Template       *string           `yaml:"template,omitempty"`
	Messages       []TemplateMessage `yaml:"messages,omitempty"`
	Content        *string           `yaml:"content,omitempty"`
	Params         *yaml.Node        `yaml:"params,omitempty"`
	ResponseFormat *yaml.Node        `yaml:"response_format,omitempty"`
	Definition     *yaml.Node        `yaml:"definition,omitempty"`
}

// stamp is a time as it is written: UTC, to the nanosecond where it has them.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// jsonNode is JSON as a YAML node; nil for none.
func jsonNode(text json.RawMessage) (*yaml.Node, error) {
	if len(bytes.TrimSpace(text)) == 0 || string(text) == "null" {
		return nil, nil
	}
	if !json.Valid(text) {
		return nil, errors.New("not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return jsonValue(d)
}

// jsonValue reads one JSON value and keeps the order of its keys.
func jsonValue(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	switch t := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		if t == '{' {
			node.Kind = yaml.MappingNode
		}
		for d.More() {
			child, err := jsonValue(d)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, err := d.Token()
		return node, err
	case json.Number:
		tag := "!!int"
		if _, err := strconv.ParseInt(t.String(), 10, 64); err != nil {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.String()}, nil
	case string:
		return textNode(t)
	default:
		node := &yaml.Node{}
		err := node.Encode(t)
		return node, err
	}
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	node, err := nodeOf(reflect.ValueOf(v))
	if err == nil {
		err = e.Encode(node)
	}
	if err != nil {
		panic(fmt.Sprintf("registry: encoding %T: %v", v, err))
	}
	return b.Bytes()
}

// nodeOf is a value as YAML, by the tags of its structs. The encoder's own way from
// there to a node goes through text, and writes some texts so that they cannot be
// read (textNode).
func nodeOf(v reflect.Value) (*yaml.Node, error) {
	if node, ok := v.Interface().(*yaml.Node); ok {
		return node, nil
	}
	if m, ok := v.Interface().(yaml.Marshaler); ok {
		value, err := m.MarshalYAML()
		if err != nil {
			return nil, err
		}
		return nodeOf(reflect.ValueOf(value))
	}
	switch v.Kind() {
	case reflect.Pointer:
		return nodeOf(v.Elem())
	case reflect.String:
		return textNode(v.String())
	case reflect.Slice:
		return sequenceOf(v)
	case reflect.Map:
		return mappingOf(v)
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); !isTime {
			return structOf(v)
		}
	}
	node := &yaml.Node{}
	return node, node.Encode(v.Interface())
}

func sequenceOf(v reflect.Value) (*yaml.Node, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range v.Len() {
		item, err := nodeOf(v.Index(i))
		if err != nil {
			return nil, err
		}
		list.Content = append(list.Content, item)
	}
	return list, nil
}

func mappingOf(v reflect.Value) (*yaml.Node, error) {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		if err := addMember(mapping, key.String(), v.MapIndex(key)); err != nil {
			return nil, err
		}
	}
	return mapping, nil
}

func structOf(v reflect.Value) (*yaml.Node, error) {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		field := v.Field(i)
		isEmpty := field.IsZero() || (field.Kind() == reflect.Slice || field.Kind() == reflect.Map) && field.Len() == 0
		if name == "" || name == "-" || option == "omitempty" && isEmpty {
			continue
		}
		if err := addMember(mapping, name, field); err != nil {
			return nil, err
		}
	}
	return mapping, nil
}

func addMember(mapping *yaml.Node, name string, value reflect.Value) error {
	key, err := textNode(name)
	if err != nil {
		return err
	}
	member, err := nodeOf(value)
	mapping.Content = append(mapping.Content, key, member)
	return err
}

// textNode is a text as YAML. One of several lines that begins with a tab stands in
// quotes: as a block, the tab would be where YAML wants the indentation.
func textNode(text string) (*yaml.Node, error) {
	if strings.HasPrefix(strings.TrimLeft(text, " \r\n"), "\t") && strings.ContainsAny(text, "\r\n") && utf8.ValidString(text) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}, nil
	}
	node := &yaml.Node{}
	return node, node.Encode(text)
}
