// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

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
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("registry: encoding %T: %v", v, err))
	}
	return b.Bytes()
}
