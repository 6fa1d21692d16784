// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// PromptName is the prompt that the assistant works by.
const PromptName = "support-agent"

// Environment is where the assistant runs; also the label of its releases.
const Environment = "production"

// Naming says how a model call tells which prompt it was made from.
type Naming string

// The ways of naming. Only NameVersion is what the conventions ask for; the
// others are what applications do as well.
const (
	// NameVersion sends the prompt's name, version and variables.
	NameVersion Naming = "version"
	// NameLabel sends a movable label where the version belongs.
	NameLabel Naming = "label"
	// NameNothing sends the rendered text only.
	NameNothing Naming = "nothing"
)

// Prompt is a rendered prompt and where it came from.
type Prompt struct {
	Name, Version string
	Naming        Naming
	Variables     []Variable
	// Text is the system message.
	Text string
	// Temperature and MaxTokens are JSON numbers, empty when not set.
	Temperature, MaxTokens json.RawMessage
}

// Variable is one value that was rendered into the prompt.
type Variable struct{ Name, Value string }

// handOver is the prompt of the hand-over note. It lives in the code and in no
// registry.
const handOver = "You write one-line hand-over notes for the colleagues at the help desk. State what the customer wanted and whether it was settled."

// HandOverPrompt is the prompt of the hand-over note.
func HandOverPrompt() Prompt {
	return Prompt{Text: handOver, Naming: NameNothing, MaxTokens: json.RawMessage("80")}
}

// VersionFor picks the version that serves a session, by the weights of the
// release that was live in Environment at that time. The same session always
// gets the same version of the same release.
func VersionFor(snapshot *registry.Snapshot, session string, at time.Time) (string, error) {
	release, ok := snapshot.LiveAt(PromptName, Environment, at)
	if !ok {
		return "", fmt.Errorf("the registry has no release of %s in %s on %s", PromptName, Environment, at.Format(time.DateOnly))
	}
	total := 0.0
	for _, t := range release.Targets {
		total += t.Weight
	}
	h := fnv.New64a()
	h.Write([]byte("release\x00" + session))
	point := float64(scramble(h.Sum64())>>11) / (1 << 53) * total
	for _, t := range release.Targets {
		if point -= t.Weight; point < 0 {
			return t.Version, nil
		}
	}
	return release.Targets[len(release.Targets)-1].Version, nil
}

// scramble spreads the differences of similar hashes over all bits (the
// finalizer of MurmurHash3).
func scramble(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// RenderPrompt renders a version of the assistant's prompt.
func RenderPrompt(snapshot *registry.Snapshot, version string, naming Naming, variables []Variable) (Prompt, error) {
	v := snapshot.Prompt(PromptName).Version(version)
	if v == nil {
		return Prompt{}, fmt.Errorf("the registry has no version %s of %s", version, PromptName)
	}
	values := make(map[string]string, len(variables))
	for _, variable := range variables {
		values[variable.Name] = variable.Value
	}
	messages, err := v.Render(values)
	if err != nil {
		return Prompt{}, fmt.Errorf("render %s: %w", PromptName, err)
	}
	p := Prompt{Name: PromptName, Version: version, Naming: naming, Variables: variables, Text: messages[0].Content}
	var params struct {
		Temperature json.RawMessage `json:"temperature"`
		MaxTokens   json.RawMessage `json:"max_tokens"`
	}
	if len(v.Params) > 0 {
		if err := json.Unmarshal(v.Params, &params); err != nil {
			return Prompt{}, fmt.Errorf("parameters of %s %s: %w", PromptName, version, err)
		}
	}
	p.Temperature, p.MaxTokens = params.Temperature, params.MaxTokens
	return p, nil
}

// Tool is a definition that is offered to the model.
type Tool struct {
	Name, Description string
	Parameters        json.RawMessage
}

// toolNames are the tools in the order in which they are offered.
var toolNames = []string{"lookup_order", "refund_order", "search_docs"}

// broadDescription is what search_docs says of itself in the example's incident:
// somebody changed the definition in the code, and neither the registry nor the
// prompt's version knows.
const broadDescription = "Searches everything that the shop has written down. Use it for any question of a customer."

// LoadTools reads the newest definitions from the registry. With broad the
// description of search_docs claims every question.
func LoadTools(snapshot *registry.Snapshot, broad bool) ([]Tool, error) {
	tools := make([]Tool, 0, len(toolNames))
	for _, name := range toolNames {
		entry := snapshot.Tool(name)
		if entry == nil || len(entry.Versions) == 0 {
			return nil, fmt.Errorf("the registry has no tool %s", name)
		}
		var t Tool
		definition := entry.Versions[len(entry.Versions)-1].Definition
		if err := json.Unmarshal(definition, &t); err != nil {
			return nil, fmt.Errorf("tool %s: %w", name, err)
		}
		if broad && name == "search_docs" {
			t.Description = broadDescription
		}
		tools = append(tools, t)
	}
	return tools, nil
}
