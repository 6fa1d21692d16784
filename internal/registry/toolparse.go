// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

func parseTool(f sourceFile, data []byte) (*parsedTool, error) {
	t := &parsedTool{}
	line, err := t.read(f, data)
	if err != nil {
		return nil, err
	}
	if t.Version == "" {
		t.Version = f.stem
	}
	if err := CheckVersion(t.Version); err != nil {
		return nil, failAt(1, "%v", err)
	}
	if len(t.definition) == 0 || t.definition[0] != '{' {
		return nil, failAt(max(1, line), "a tool needs a definition: a map of name, description and parameters")
	}
	content, err := ToolContentFromJSON(t.definition)
	if err != nil {
		return nil, failAt(line, "definition: %v", err)
	}
	if content.Name == "" {
		content.Name = f.name[strings.LastIndexByte(f.name, '/')+1:]
	}
	if t.hash, err = content.Hash(); err != nil {
		return nil, failAt(line, "definition: %v", err)
	}
	return t, nil
}

// read decodes the file and returns the line of its definition.
func (t *parsedTool) read(f sourceFile, data []byte) (int, error) {
	if strings.HasSuffix(f.rel, ".json") {
		return t.readJSON(data)
	}
	if err := decodeYAML(data, &t.toolDocument); err != nil {
		return 0, err
	}
	if t.Definition.Kind == 0 {
		return 1, nil
	}
	definition, err := nodeJSON(&t.Definition)
	t.definition = definition
	return t.Definition.Line, err
}

func (t *parsedTool) readJSON(data []byte) (int, error) {
	var doc struct {
		Version    string          `json:"version"`
		Hash       string          `json:"hash"`
		Author     string          `json:"author"`
		Time       time.Time       `json:"time"`
		Message    string          `json:"message"`
		Definition json.RawMessage `json:"definition"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return 0, jsonError(data, d, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return 0, failAt(lineAt(data, int(d.InputOffset())), "more text after the JSON object")
	}
	t.Version, t.Hash, t.Author, t.Time, t.Message = doc.Version, doc.Hash, doc.Author, doc.Time, doc.Message
	t.definition = doc.Definition
	return lineAt(data, max(0, bytes.Index(data, []byte(`"definition"`)))), nil
}

func jsonError(data []byte, d *json.Decoder, err error) error {
	offset := int(d.InputOffset())
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = int(syntax.Offset)
	case errors.As(err, &typed):
		offset = int(typed.Offset)
	case errors.Is(err, io.EOF):
		return failAt(1, "the file is empty")
	}
	return failAt(lineAt(data, offset), "not valid JSON for this file: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(0, offset), len(data))], []byte("\n"))
}
