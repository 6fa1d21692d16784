// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/registry"
)

// addSeen adds what the dataset knows.
func (a *app) addSeen(ctx context.Context, tools *toolIndex) error {
	since, until, err := a.window()
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, Since: since, Until: until, MemoryLimit: a.Memory})
	if err != nil {
		return err
	}
	defer db.Close()
	steps := []struct {
		statement string
		row       func([]any)
	}{
		{`SELECT name, version, hash, definition, first_seen, last_seen FROM tools WHERE name IS NOT NULL ORDER BY first_seen, name, version, hash`, tools.seen},
		{`SELECT tool, coalesce(prompt_name, ''), coalesce(prompt_version, ''), count(*), min(start_time), max(start_time)
		  FROM (SELECT unnest(list_distinct(tool_versions)) AS tool, prompt_name, prompt_version, start_time FROM spans
		        WHERE call_kind = 'inference' AND counted AND NOT is_replay) GROUP BY ALL ORDER BY 4 DESC, 2, 3`, tools.offered},
		{`SELECT tool_name || CASE WHEN tool_version IS NULL THEN '' ELSE '@' || tool_version END, count(*) FROM spans
		  WHERE call_kind = 'tool' AND tool_name IS NOT NULL AND NOT is_replay GROUP BY 1 ORDER BY 1`, tools.executed},
	}
	for _, step := range steps {
		result, err := db.Query(ctx, step.statement)
		if err != nil {
			return fmt.Errorf("tools of dataset %q: %w", dataset.DisplayPath(a.Dataset), err)
		}
		for _, row := range result.Rows {
			step.row(row)
		}
	}
	return nil
}

// seen adds a row of the view tools. A definition that is registered by now is
// the registered version, whatever the span called it at the time.
func (t *toolIndex) seen(row []any) {
	name, version, hash := textOf(row[0]), textOf(row[1]), textOf(row[2])
	if version == "" {
		return
	}
	v := t.byHash[hash]
	if v == nil {
		v = &toolVersion{Version: version, Name: name, Hash: hash, From: fromTraffic, Prompts: []toolUser{}}
		if definition := []byte(textOf(row[3])); json.Valid(definition) {
			v.Definition = definition
		}
		h := t.home(name)
		if slices.ContainsFunc(h.versions, func(other *toolVersion) bool { return other.Version == version }) {
			// Its file holds another definition by now.
			v.Version = registry.ShortHash(hash)
		}
		h.versions = append(h.versions, v)
		t.byHash[hash] = v
	}
	t.label(name, version, v)
	v.sawBetween(row[4], row[5])
}

// home is the tool under which a name that was seen is shown: the registered
// one that models know by this name.
func (t *toolIndex) home(name string) *toolHistory {
	if h := t.byName[name]; h != nil {
		return h
	}
	if h := t.defined[name]; h != nil {
		return h
	}
	return t.tool(name)
}

func (v *toolVersion) sawBetween(first, last any) {
	if at, ok := first.(time.Time); ok && (v.FirstSeen == nil || at.Before(*v.FirstSeen)) {
		v.FirstSeen = &at
	}
	if at, ok := last.(time.Time); ok && (v.LastSeen == nil || at.After(*v.LastSeen)) {
		v.LastSeen = &at
	}
	if v.registered != nil {
		v.From = fromBoth
	}
}

// labelled are the versions that a span's name@version means; a name that no
// definition is known of is a version without one.
func (t *toolIndex) labelled(label string) []*toolVersion {
	if found := t.labels[label]; len(found) > 0 {
		return found
	}
	name, version := label, ""
	if at := strings.LastIndexByte(label, '@'); at > 0 {
		name, version = label[:at], label[at+1:]
	}
	v := &toolVersion{Version: version, Name: name, From: fromTraffic, Prompts: []toolUser{}, NamesOnly: version == ""}
	h := t.home(name)
	h.versions = append(h.versions, v)
	t.label(name, version, v)
	return []*toolVersion{v}
}

func (t *toolIndex) offered(row []any) {
	calls, _ := row[3].(int64)
	for _, v := range t.labelled(textOf(row[0])) {
		v.sawBetween(row[4], row[5])
		v.Calls += calls
		v.Prompts = append(v.Prompts, toolUser{textOf(row[1]), textOf(row[2]), calls})
	}
}

func (t *toolIndex) executed(row []any) {
	calls, _ := row[1].(int64)
	if found := t.labels[textOf(row[0])]; len(found) > 0 {
		for _, v := range found {
			v.Executions += calls
		}
	}
}
