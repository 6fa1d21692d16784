// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Kinds of changes between two versions of a tool.
const (
	ChangeDescription          = "description_changed"
	ChangeDescriptionBroadened = "description_broadened"
	ChangeRequiredAdded        = "required_added"
	ChangeRequiredRemoved      = "required_removed"
	ChangePropertyAdded        = "property_added"
	ChangePropertyRemoved      = "property_removed"
	ChangeType                 = "type_changed"
	ChangeEnumWidened          = "enum_widened"
	ChangeEnumNarrowed         = "enum_narrowed"
	ChangeRenamed              = "renamed"
	ChangeStrict               = "strict_changed"
	ChangeSchema               = "schema_changed"
)

// maxSchemaDepth bounds how deep schemas are compared.
const maxSchemaDepth = 32

// DiffTools says what changed between two versions of a tool in terms of what a
// model may now do differently. A description is called broadened when it lost
// limiting words (only, never, must, …), gained widening ones (any, all, every,
// …) or kept all its words and went on; this is a rule of thumb.
func DiffTools(a, b *ToolVersion) []Change {
	x, errX := ToolContentFromJSON(a.Definition)
	y, errY := ToolContentFromJSON(b.Definition)
	if errX != nil || errY != nil {
		return []Change{{ChangeSchema, "", "", "", "a definition cannot be read"}}
	}
	var changes []Change
	if x.Name != y.Name {
		changes = append(changes, Change{ChangeRenamed, "name", x.Name, y.Name, fmt.Sprintf("renamed from %s to %s", x.Name, y.Name)})
	}
	changes = append(changes, diffDescription("description", "the tool", x.Description, y.Description)...)
	if x.Strict != y.Strict {
		changes = append(changes, Change{ChangeStrict, "strict", fmt.Sprint(x.Strict), fmt.Sprint(y.Strict), fmt.Sprintf("strict changed from %t to %t", x.Strict, y.Strict)})
	}
	before, errX := normalSchema(x.Parameters)
	after, errY := normalSchema(y.Parameters)
	if errX == nil && errY == nil {
		changes = append(changes, diffSchema("parameters", before, after, 0)...)
	}
	if len(changes) == 0 && a.Hash != b.Hash {
		changes = append(changes, Change{ChangeSchema, "", "", "", "the definition changed in a way that has no name here"})
	}
	return changes
}

func diffDescription(path, what, a, b string) []Change {
	if a == b {
		return nil
	}
	if broadened(a, b) {
		return []Change{{ChangeDescriptionBroadened, path, a, b, "the description of " + what + " was broadened"}}
	}
	return []Change{{ChangeDescription, path, a, b, "the description of " + what + " changed"}}
}

var (
	limiting = []string{"only", "must", "never", "not", "except", "exclusively", "solely", "unless", "don't", "cannot", "strictly", "just"}
	widening = []string{"any", "all", "every", "also", "always", "anything", "everything", "whenever", "wherever", "general", "various", "etc", "other", "and/or", "or"}
)

func broadened(a, b string) bool {
	before, after := words(a), words(b)
	score := 0
	for _, word := range limiting {
		score += before[word] - after[word]
	}
	for _, word := range widening {
		score += after[word] - before[word]
	}
	if score != 0 {
		return score > 0
	}
	if len(b) <= len(a) || a == "" {
		return false
	}
	for word, n := range before {
		if after[word] < n {
			return false
		}
	}
	return true
}

func words(s string) map[string]int {
	out := map[string]int{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '/'
	}) {
		out[word]++
	}
	return out
}

func diffSchema(path string, before, after any, depth int) []Change {
	if depth > maxSchemaDepth {
		return nil
	}
	x, isX := before.(map[string]any)
	y, isY := after.(map[string]any)
	if (!isX && before != nil) || (!isY && after != nil) || (!isX && !isY) {
		return changedJSON(path, before, after)
	}
	var changes []Change
	if tx, ty := x["type"], y["type"]; isX && isY && jsonText(tx) != jsonText(ty) {
		changes = append(changes, Change{ChangeType, path, jsonText(tx), jsonText(ty), fmt.Sprintf("%s changed from type %s to %s", path, jsonText(tx), jsonText(ty))})
	}
	if isX && isY {
		dx, _ := x["description"].(string)
		dy, _ := y["description"].(string)
		changes = append(changes, diffDescription(path+".description", path, dx, dy)...)
	}
	changes = append(changes, diffEnum(path, x["enum"], y["enum"])...)
	changes = append(changes, diffRequired(path, x["required"], y["required"])...)
	changes = append(changes, diffProperties(path, x["properties"], y["properties"], depth)...)
	if x["items"] != nil || y["items"] != nil {
		changes = append(changes, diffSchema(path+"[]", x["items"], y["items"], depth+1)...)
	}
	keys := map[string]bool{}
	for key := range x {
		keys[key] = true
	}
	for key := range y {
		keys[key] = true
	}
	for _, key := range sortedKeys(keys) {
		switch key {
		case "type", "description", "enum", "required", "properties", "items":
		default:
			changes = append(changes, changedJSON(path+"."+key, x[key], y[key])...)
		}
	}
	if len(changes) == 0 {
		return changedJSON(path, before, after)
	}
	return changes
}

func changedJSON(path string, before, after any) []Change {
	x, y := jsonText(before), jsonText(after)
	if sameJSON([]byte(x), []byte(y)) {
		return nil
	}
	return []Change{{ChangeSchema, path, x, y, path + " changed"}}
}

// jsonText is empty for nil.
func jsonText(v any) string {
	if v == nil {
		return ""
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(encoded)
}

// list turns a JSON array into the texts of its items, in order.
func list(v any) []string {
	items, _ := v.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		if text, ok := item.(string); ok {
			out = append(out, text)
		} else {
			out = append(out, jsonText(item))
		}
	}
	return out
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// diffEnum: an enum that appears narrows, one that goes away widens.
func diffEnum(path string, before, after any) []Change {
	x, y := list(before), list(after)
	var changes []Change
	if added := minus(y, x); (len(added) > 0 && before != nil) || (before != nil && after == nil) {
		text := fmt.Sprintf("%s allows more values: %s", path, strings.Join(added, ", "))
		if after == nil {
			text = path + " allows any value now"
		}
		changes = append(changes, Change{ChangeEnumWidened, path, jsonText(before), jsonText(after), text})
	}
	if removed := minus(x, y); (len(removed) > 0 && after != nil) || (before == nil && after != nil) {
		text := fmt.Sprintf("%s no longer allows: %s", path, strings.Join(removed, ", "))
		if before == nil {
			text = fmt.Sprintf("%s allows only: %s", path, strings.Join(y, ", "))
		}
		changes = append(changes, Change{ChangeEnumNarrowed, path, jsonText(before), jsonText(after), text})
	}
	return changes
}

func diffRequired(path string, before, after any) []Change {
	x, y := list(before), list(after)
	var changes []Change
	for _, name := range minus(y, x) {
		changes = append(changes, Change{ChangeRequiredAdded, path + "." + name, "", name, fmt.Sprintf("%s.%s is required now", path, name)})
	}
	for _, name := range minus(x, y) {
		changes = append(changes, Change{ChangeRequiredRemoved, path + "." + name, name, "", fmt.Sprintf("%s.%s is optional now", path, name)})
	}
	return changes
}

func diffProperties(path string, before, after any, depth int) []Change {
	x, _ := before.(map[string]any)
	y, _ := after.(map[string]any)
	var changes []Change
	for _, name := range sortedKeys(x) {
		if _, stays := y[name]; !stays {
			changes = append(changes, Change{ChangePropertyRemoved, path + "." + name, jsonText(x[name]), "", fmt.Sprintf("%s.%s was removed", path, name)})
			continue
		}
		changes = append(changes, diffSchema(path+"."+name, x[name], y[name], depth+1)...)
	}
	for _, name := range sortedKeys(y) {
		if _, had := x[name]; !had {
			changes = append(changes, Change{ChangePropertyAdded, path + "." + name, "", jsonText(y[name]), fmt.Sprintf("%s.%s was added", path, name)})
		}
	}
	return changes
}
