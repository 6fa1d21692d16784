// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"go.yaml.in/yaml/v3"
)

type releaseDocument struct {
	Environment string        `yaml:"environment"`
	Time        time.Time     `yaml:"time"`
	Author      string        `yaml:"author,omitempty"`
	Reason      string        `yaml:"reason,omitempty"`
	Targets     []releaseNode `yaml:"targets"`
	line        int
}

type releaseNode struct {
	Version string   `yaml:"version"`
	Weight  *float64 `yaml:"weight,omitempty"`
	Hash    string   `yaml:"hash,omitempty"`
	line    int
}

func parseReleases(data []byte) ([]releaseDocument, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	var nodes []yaml.Node
	if err := decodeYAML(data, &nodes); err != nil {
		return nil, err
	}
	var docs []releaseDocument
	if err := decodeYAML(data, &docs); err != nil {
		return nil, err
	}
	for i := range docs {
		docs[i].line = nodes[i].Line
		docs[i].targetLines(&nodes[i])
		if err := docs[i].check(); err != nil {
			return nil, err
		}
	}
	return docs, checkOrder(docs)
}

// targetLines notes where each target stands.
func (r *releaseDocument) targetLines(node *yaml.Node) {
	for i := range r.Targets {
		r.Targets[i].line = node.Line
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != "targets" {
			continue
		}
		for k, target := range node.Content[i+1].Content {
			if k < len(r.Targets) {
				r.Targets[k].line = target.Line
			}
		}
	}
}

func (r *releaseDocument) check() error {
	if err := CheckEnvironment(r.Environment); err != nil {
		return failAt(r.line, "%v", err)
	}
	if r.Time.IsZero() {
		return failAt(r.line, "a release needs its time")
	}
	if len(r.Targets) == 0 {
		return failAt(r.line, "a release needs at least one target")
	}
	seen := map[string]bool{}
	for i := range r.Targets {
		target := &r.Targets[i]
		if target.Weight == nil && len(r.Targets) == 1 {
			whole := 100.0
			target.Weight = &whole
		}
		switch {
		case target.Weight == nil:
			return failAt(target.line, "version %s has no weight: several targets need one each", show(target.Version))
		case !(*target.Weight > 0) || math.IsInf(*target.Weight, 1):
			return failAt(target.line, "weight %v of version %s is not above zero", *target.Weight, show(target.Version))
		case seen[target.Version]:
			return failAt(target.line, "version %s is a target twice", show(target.Version))
		}
		seen[target.Version] = true
	}
	return nil
}

// CheckEnvironment says why a text cannot be the name of an environment.
func CheckEnvironment(name string) error {
	if name == "" {
		return errors.New("a release needs an environment")
	}
	if len(name) > 100 {
		return errors.New("the environment is longer than 100 bytes")
	}
	if err := checkSegment(name); err != nil {
		return fmt.Errorf("environment %s: %w", show(name), err)
	}
	return nil
}

// checkOrder keeps the history append-only: times never go back.
func checkOrder(docs []releaseDocument) error {
	last := map[string]time.Time{}
	for _, doc := range docs {
		if before, ok := last[doc.Environment]; ok && doc.Time.Before(before) {
			return failAt(doc.line, "this release of %s is older than the one above it: the list is in order of time", doc.Environment)
		}
		last[doc.Environment] = doc.Time
	}
	return nil
}
