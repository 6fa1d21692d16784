// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// humanloop is shut; what is left of it are exports: .prompt files, or the JSON of
// its API.
var humanloop = system{name: "humanloop", file: openHumanloop}

// maxExport bounds one file of an export.
const maxExport = 16 << 20

func openHumanloop(file string) (fetch, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, misconfigured("--file: %v", err)
	}
	return func(_ context.Context, wanted func(string) bool) list {
		return func(yield func(*Prompt, error) bool) {
			var all []*Prompt
			root, name := file, "."
			if !info.IsDir() {
				root, name = filepath.Dir(file), filepath.Base(file)
			}
			err := fs.WalkDir(os.DirFS(root), name, func(at string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() || entry.Type()&^fs.ModeSymlink != 0 {
					return err
				}
				prompts, err := readHumanloop(root, at)
				all = append(all, prompts...)
				return err
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range sameNames(all) {
				if wanted(p.Name) && !yield(p, nil) {
					return
				}
			}
		}
	}, nil
}

// sameNames joins the versions of one prompt that several files hold.
func sameNames(all []*Prompt) []*Prompt {
	var joined []*Prompt
	byName := map[string]*Prompt{}
	for _, p := range all {
		first := byName[p.Name]
		if first == nil {
			byName[p.Name] = p
			joined = append(joined, p)
			continue
		}
		for _, v := range p.Versions {
			if !slices.ContainsFunc(first.Versions, func(o *Version) bool { return o.Number == v.Number }) {
				first.Versions = append(first.Versions, v)
			}
		}
		first.Gaps = append(first.Gaps, p.Gaps...)
	}
	return joined
}

func readHumanloop(root, at string) ([]*Prompt, error) {
	shown := filepath.Join(root, filepath.FromSlash(at))
	end := path.Ext(at)
	name := strings.TrimSuffix(at, end)
	switch end {
	case ".prompt", ".json":
	case ".agent":
		p := &Prompt{Name: name}
		p.gap("agent", "agents are no prompts")
		return []*Prompt{p}, nil
	default:
		return nil, nil
	}
	f, err := os.Open(shown)
	if err != nil {
		return nil, fmt.Errorf("humanloop: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxExport+1))
	if err != nil {
		return nil, fmt.Errorf("humanloop: %w", err)
	}
	if len(data) > maxExport {
		return nil, fmt.Errorf("humanloop: %s is larger than %d MiB", shown, maxExport>>20)
	}
	if end == ".prompt" {
		p := &Prompt{Name: name}
		v, err := parsePromptFile(data)
		if err != nil {
			var located *promptFileError
			if errors.As(err, &located) {
				return nil, fmt.Errorf("humanloop: %s:%d: %s", shown, located.line, located.reason)
			}
			return nil, fmt.Errorf("humanloop: %s: %w", shown, err)
		}
		p.gap("authors and times", "a .prompt file does not tell them: a version is named by its content")
		p.Versions = []*Version{v}
		return []*Prompt{p}, nil
	}
	prompts, err := parseHumanloopJSON(data)
	if err != nil {
		return nil, fmt.Errorf("humanloop: %s: %w", shown, err)
	}
	return prompts, nil
}

// promptFileError is an error with its line in a .prompt file.
type promptFileError struct {
	line   int
	reason string
}

func (e *promptFileError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.reason) }

// parsePromptFile reads a .prompt file: YAML between lines of dashes, and a template
// in which tags at the begin of a line hold messages.
func parsePromptFile(data []byte) (*Version, error) {
	sum := sha256.Sum256(data)
	v := &Version{Number: hex.EncodeToString(sum[:6])}
	text := strings.ReplaceAll(string(bytes.TrimPrefix(data, []byte("\ufeff"))), "\r\n", "\n")
	head, body, line := "", text, 1
	if rest, ok := strings.CutPrefix(text, "---\n"); ok {
		at := strings.Index("\n"+rest, "\n---\n")
		if at < 0 {
			return nil, &promptFileError{1, "the settings do not end: a line --- is missing"}
		}
		head, body = rest[:at], rest[at+len("---\n"):]
		line = strings.Count(text[:len(text)-len(body)], "\n") + 1
	}
	settings := map[string]any{}
	if err := yaml.Unmarshal([]byte(head), &settings); err != nil {
		return nil, &promptFileError{2, "the settings are no YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		return nil, &promptFileError{2, "the settings have no form in JSON"}
	}
	messages, err := promptFileMessages(body, line)
	if err != nil {
		return nil, err
	}
	if messages == nil {
		v.Template = strings.Trim(body, "\n")
		if strings.TrimSpace(v.Template) == "" {
			v.unfit("it has no template")
		}
	} else {
		v.addChat(messages)
	}
	v.humanloop(encoded)
	return v, nil
}

var (
	promptTag = regexp.MustCompile(`^<(system|user|assistant|developer|tool)((?: [^>]*)?)>[ \t]*$`)
	innerTag  = regexp.MustCompile(`(?m)^\s*<(text|image|tool_call|tool)(?: [^>]*)?/?>`)
	textPart  = regexp.MustCompile(`(?s)^\s*<text>\n?(.*?)\n?\s*</text>\s*$`)
)

// promptFileMessages are the messages as chat completions have them; nil when the
// body is one text.
func promptFileMessages(body string, line int) ([]json.RawMessage, error) {
	var messages []json.RawMessage
	lines := strings.Split(body, "\n")
	for i := 0; i < len(lines); i++ {
		open := promptTag.FindStringSubmatch(lines[i])
		if open == nil {
			if strings.TrimSpace(lines[i]) != "" && messages != nil {
				return nil, &promptFileError{line + i, "text outside of messages"}
			}
			if strings.TrimSpace(lines[i]) != "" {
				return nil, nil
			}
			continue
		}
		end := slices.Index(lines[i+1:], "</"+open[1]+">")
		if end < 0 {
			return nil, &promptFileError{line + i, "<" + open[1] + "> does not end"}
		}
		content := dedent(lines[i+1 : i+1+end])
		message := []member{{"role", quote(open[1])}, {"content", promptFileContent(content)}}
		if attributes := strings.TrimSpace(open[2]); attributes != "" {
			message = append(message, member{"attributes", quote(attributes)})
		}
		messages = append(messages, object(message))
		i += end + 1
	}
	return messages, nil
}

// promptFileContent is a text, or parts that addChat knows what to do with.
func promptFileContent(content string) json.RawMessage {
	inner := innerTag.FindStringSubmatch(content)
	if inner == nil {
		return quote(content)
	}
	if m := textPart.FindStringSubmatch(content); m != nil && !strings.Contains(m[1], "<text>") && !strings.Contains(m[1], "</text>") {
		return quote(m[1])
	}
	kind := inner[1]
	if kind == "text" {
		kind = "text and others"
	}
	return json.RawMessage(`[{"type":` + string(quote(kind)) + `}]`)
}

// dedent takes away the blanks that the export puts before every line of a message.
func dedent(lines []string) string {
	indent := -1
	for _, line := range lines {
		if strings.TrimSpace(line) != "" {
			blanks := len(line) - len(strings.TrimLeft(line, " "))
			if indent < 0 || blanks < indent {
				indent = blanks
			}
		}
	}
	indent = min(indent, 2)
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = line[min(len(line), max(0, indent)):]
		if strings.TrimSpace(line) == "" {
			out[i] = ""
		}
	}
	return strings.Join(out, "\n")
}

type humanloopPrompt struct {
	Path               text              `json:"path"`
	Name               text              `json:"name"`
	ID                 text              `json:"id"`
	VersionID          text              `json:"version_id"`
	VersionName        text              `json:"version_name"`
	VersionDescription text              `json:"version_description"`
	Description        text              `json:"description"`
	Tags               []string          `json:"tags"`
	CreatedAt          text              `json:"created_at"`
	CreatedBy          json.RawMessage   `json:"created_by"`
	Template           json.RawMessage   `json:"template"`
	Type               text              `json:"type"`
	Environments       []json.RawMessage `json:"environments"`
	Readme             text              `json:"readme"`
}

// parseHumanloopJSON reads what Humanloop's API answered: one version, a list, or a
// page of records.
func parseHumanloopJSON(data []byte) ([]*Prompt, error) {
	var records []json.RawMessage
	var page struct {
		Records []json.RawMessage `json:"records"`
	}
	switch trimmed := bytes.TrimSpace(data); {
	case len(trimmed) > 0 && trimmed[0] == '[':
		if err := json.Unmarshal(data, &records); err != nil {
			return nil, nonsense(data, err)
		}
	default:
		if err := json.Unmarshal(data, &page); err != nil {
			return nil, nonsense(data, err)
		}
		if records = page.Records; records == nil {
			records = []json.RawMessage{data}
		}
	}
	var prompts []*Prompt
	for i, record := range records {
		var raw humanloopPrompt
		if err := json.Unmarshal(record, &raw); err != nil {
			return nil, fmt.Errorf("record %d has another form than documented: %w", i+1, err)
		}
		prompts = append(prompts, newHumanloopPrompt(&raw, record))
	}
	joined := sameNames(prompts)
	for _, p := range joined {
		slices.SortStableFunc(p.Versions, byTime)
	}
	return joined, nil
}

func newHumanloopPrompt(raw *humanloopPrompt, record json.RawMessage) *Prompt {
	p := &Prompt{Name: string(raw.Path), ID: string(raw.ID), Description: string(raw.Description), Tags: raw.Tags}
	if p.Name == "" {
		p.Name = string(raw.Name)
	}
	if raw.Type != "" && raw.Type != "prompt" {
		p.gap(string(raw.Type), "only prompts are carried over")
		return p
	}
	if raw.Readme != "" {
		p.gap("readme", "the registry has descriptions only")
	}
	v := &Version{
		Number: string(raw.VersionID), ID: string(raw.VersionID), Message: string(raw.VersionDescription), Author: person(raw.CreatedBy), Time: parseTime(string(raw.CreatedAt)),
	}
	if raw.VersionName != "" {
		v.gap("version_name", "its id names the version: %s", string(raw.VersionName))
	}
	for _, environment := range raw.Environments {
		var e struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(environment, &e) == nil {
			v.Labels = append(v.Labels, Label{Name: e.Name})
		}
	}
	var chat []json.RawMessage
	if s, ok := stringOf(raw.Template); ok {
		v.Template = s
	} else if json.Unmarshal(raw.Template, &chat) == nil {
		v.addChat(chat)
	} else {
		v.unfit("it has no template")
	}
	v.humanloop(record)
	p.Versions = []*Version{v}
	return p
}

// humanloopParams are the settings that are parameters of a request.
var humanloopParams = []string{
	"model", "temperature", "max_tokens", "top_p", "stop", "presence_penalty", "frequency_penalty", "seed", "reasoning_effort", "response_format", "tools",
}

var humanloopVariable = regexp.MustCompile(`\{\{\s?([A-Za-z_0-9.\[\]]+)\s?\}\}`)

var humanloopTool = regexp.MustCompile(`\{\{\s*[A-Za-z_][A-Za-z0-9_-]*\(`)

// humanloop takes the settings of a version and reads its texts' language.
func (v *Version) humanloop(settings json.RawMessage) {
	list, err := members(settings)
	if err != nil {
		v.unfit("its settings are no JSON object")
		return
	}
	language := "default"
	var params []member
	for _, m := range list {
		switch {
		case m.name == "max_tokens" && string(m.value) == "-1":
			v.gap("max_tokens", "-1 lets Humanloop compute it for every call")
		case slices.Contains(humanloopParams, m.name):
			params = append(params, m)
		case m.name == "other":
			if other, err := members(m.value); err == nil {
				params = append(params, other...)
			}
		case m.name == "template_language":
			if s, ok := stringOf(m.value); ok && s != "" {
				language = s
			}
		case m.name == "linked_tools":
			v.addTools(m.value)
			if !isEmpty(m.value) {
				v.adapted("linked_tools", "their definitions are registered; that they were links is not")
			}
		case m.name == "provider" || m.name == "endpoint" || m.name == "attributes" || m.name == "evaluators":
			if !isEmpty(m.value) {
				v.gap(m.name, "the registry has no place for it")
			}
		}
	}
	v.takeParams(params)
	switch {
	case language == "jinja":
		v.Format = formatJinja
	case language != "default":
		v.unfit("its template language %q is not known", language)
	case v.anyText(humanloopTool.MatchString):
		v.unfit("its template calls tools, which Humanloop ran when it rendered it")
	default:
		v.asDoubleBrace(humanloopVariable)
	}
}
