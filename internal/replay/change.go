// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Errors of changing a request.
var (
	// ErrChange is returned for a change that cannot be made as asked.
	ErrChange = errors.New("change")
	// ErrUnfaithful is returned when the recorded prompt is not what its version
	// and variables give, so that another version would not be comparable.
	ErrUnfaithful = errors.New("unfaithful")
)

// Changes say what the treatment arm does differently. All may be combined.
type Changes struct {
	// PromptVersion renders another version with the recorded variables.
	PromptVersion string
	// Variables replace recorded ones.
	Variables map[string]string
	// Edits are fragments of the prompt text to be replaced.
	Edits []Edit
	// Tools replace definitions, by name.
	Tools map[string][]byte
	// Model replaces the model.
	Model string
	// Params set request parameters, as JSON or text.
	Params map[string]string
}

// Empty tells whether nothing is changed.
func (c *Changes) Empty() bool {
	return c.PromptVersion == "" && len(c.Variables) == 0 && len(c.Edits) == 0 && len(c.Tools) == 0 && c.Model == "" && len(c.Params) == 0
}

// Edit replaces a fragment that must occur exactly once.
type Edit struct{ Old, New string }

// ParseEdit reads "old text=>new text".
func ParseEdit(text string) (Edit, error) {
	before, after, found := strings.Cut(text, "=>")
	if !found || before == "" {
		return Edit{}, fmt.Errorf("%w: --edit %s: 'old text=>new text' is expected, or @FILE with a unified diff", ErrChange, quote(text))
	}
	return Edit{Old: before, New: after}, nil
}

// ParsePatch reads a unified diff; each hunk becomes one Edit of whole lines.
func ParsePatch(text string) ([]Edit, error) {
	var edits []Edit
	var before, after []string
	flush := func() {
		if len(before) > 0 || len(after) > 0 {
			edits = append(edits, Edit{Old: strings.Join(before, "\n"), New: strings.Join(after, "\n")})
		}
		before, after = nil, nil
	}
	inHunk := false
	text = strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "@@"):
			flush()
			inHunk = true
		case !inHunk, strings.HasPrefix(line, `\`):
			// What stands before the first hunk, and "\ No newline".
		case line == "":
			// An empty line of context whose space an editor took away.
			before, after = append(before, ""), append(after, "")
		case line[0] == ' ':
			before, after = append(before, line[1:]), append(after, line[1:])
		case line[0] == '-':
			before = append(before, line[1:])
		case line[0] == '+':
			after = append(after, line[1:])
		default:
			flush()
			inHunk = false
		}
	}
	flush()
	if len(edits) == 0 {
		return nil, fmt.Errorf("%w: the patch holds no hunk (@@)", ErrChange)
	}
	for _, e := range edits {
		if e.Old == "" {
			return nil, fmt.Errorf("%w: a hunk of the patch has no context: it does not say where to insert", ErrChange)
		}
	}
	return edits, nil
}

// Modification is one change as it was made.
type Modification struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Pointers lead to all that it may change.
	Pointers []string `json:"pointers"`
}

// applyEdits replaces fragments in the prompt's texts. Each must occur exactly
// once in all of them together.
func applyEdits(dialect string, body *jsondoc.Value, scope func(wire.Text) bool, edits []Edit) ([]Modification, error) {
	var made []Modification
	for _, e := range edits {
		var hits []wire.Text
		total, elsewhere, texts := 0, 0, 0
		for _, text := range wire.Texts(dialect, body) {
			n := strings.Count(text.Text, e.Old)
			if !scope(text) {
				elsewhere += n
				continue
			}
			texts++
			if total += n; n > 0 {
				hits = append(hits, text)
			}
		}
		if texts == 0 {
			return nil, fmt.Errorf("%w: the request has no prompt text to edit", ErrChange)
		}
		if total != 1 {
			hint := ""
			if elsewhere > 0 {
				hint = fmt.Sprintf(" (%d in messages that are not the prompt's)", elsewhere)
			}
			return nil, fmt.Errorf("%w: %s occurs %d times in the prompt text, exactly 1 is expected%s", ErrChange, quote(e.Old), total, hint)
		}
		changed := strings.Replace(hits[0].Text, e.Old, e.New, 1)
		if err := body.Set(hits[0].Pointer, jsondoc.NewString(changed)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrChange, err)
		}
		made = append(made, Modification{Kind: "edit", Text: quote(e.Old) + " => " + quote(e.New), Pointers: []string{hits[0].Pointer}})
	}
	return made, nil
}

func applyTool(dialect string, body *jsondoc.Value, name string, definition []byte) (Modification, error) {
	tool, err := wire.Tool(dialect, definition)
	if err != nil {
		return Modification{}, fmt.Errorf("%w: tool %s: %w", ErrChange, quote(name), err)
	}
	at := wire.Tools(body, name)
	if len(at) != 1 {
		return Modification{}, fmt.Errorf("%w: the request offers %d tools named %s, exactly 1 is expected; it offers %s",
			ErrChange, len(at), quote(name), quote(strings.Join(wire.ToolNames(body), ", ")))
	}
	if err := body.Set(at[0], tool); err != nil {
		return Modification{}, fmt.Errorf("%w: %w", ErrChange, err)
	}
	return Modification{Kind: "tool", Text: "definition of " + quote(name), Pointers: at}, nil
}

func applyParam(dialect string, body *jsondoc.Value, name, value string) (Modification, error) {
	at := wire.ParamPointer(dialect, body, name)
	switch name {
	case "messages", "system", "tools", "model", "stream", "stream_options":
		return Modification{}, fmt.Errorf("%w: %q is no parameter", ErrChange, name)
	}
	if err := body.Set(at, wire.ParseValue(value)); err != nil {
		return Modification{}, fmt.Errorf("%w: %w", ErrChange, err)
	}
	return Modification{Kind: "parameter", Text: name + " = " + quote(value), Pointers: []string{at}}, nil
}

// within tells whether a pointer is one of the allowed or below one.
func within(pointer string, allowed []string) bool {
	for _, a := range allowed {
		if pointer == a || strings.HasPrefix(pointer, a+"/") {
			return true
		}
	}
	return false
}
