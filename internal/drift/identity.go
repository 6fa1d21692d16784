// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// dimension is one recorded part of what produced a call. Dimensions of one
// family contain each other, the wider ones first: when a wider one moved
// together with a narrower one, the wider one is named.
type dimension struct {
	name, family string
	value        func(*traffic.Call) string
}

// Families of dimensions.
const (
	familyModel  = "model"
	familyTools  = "tools"
	familyParams = "parameters"
	familyPrompt = "prompt"
	familyClient = "application"
	familyData   = "data"
)

// dimensions lists those that some call has.
func dimensions(f *traffic.Frame) []dimension {
	of := func(value func(*traffic.Identity) string) func(*traffic.Call) string {
		return func(c *traffic.Call) string { return value(&c.Identity) }
	}
	all := []dimension{
		{"provider", familyModel, of(func(i *traffic.Identity) string { return i.Provider })},
		{"request model", familyModel, of(func(i *traffic.Identity) string { return i.RequestModel })},
		{"responding model", familyModel, of(func(i *traffic.Identity) string { return i.ResponseModel })},
		{"system fingerprint", familyModel, of(func(i *traffic.Identity) string { return i.Fingerprint })},
		{"server", familyModel, of(func(i *traffic.Identity) string { return i.Server })},
		{paramsName, familyParams, of(func(i *traffic.Identity) string {
			if i.ParamsHash != "" {
				return i.ParamsHash
			}
			return i.Params
		})},
		{"prompt template", familyPrompt, of(func(i *traffic.Identity) string { return i.PromptHash })},
		{"service", familyClient, of(func(i *traffic.Identity) string { return i.Service })},
		{"service version", familyClient, of(func(i *traffic.Identity) string { return i.ServiceVersion })},
		{"SDK", familyClient, of(func(i *traffic.Identity) string { return i.SDK })},
		{"data source", familyData, of(func(i *traffic.Identity) string { return i.DataSource })},
	}
	all = append(all, toolDimensions(f)...)
	all = append(all, dimension{"toolset", familyTools, of(func(i *traffic.Identity) string { return i.ToolsetHash })})
	return slices.DeleteFunc(all, func(d dimension) bool {
		return !slices.ContainsFunc(f.Calls, func(c traffic.Call) bool { return d.value(&c) != "" })
	})
}

const toolPrefix = "tool "

// notOffered is the version of a tool in a call that offers others.
const notOffered = "(not offered)"

func toolDimensions(f *traffic.Frame) []dimension {
	counts := map[string]int{}
	for i := range f.Calls {
		for name := range f.Calls[i].Identity.Tools {
			counts[name]++
		}
	}
	var all []dimension
	names := traffic.ByCount(counts)
	for _, name := range names[:min(2*maxTools, len(names))] {
		all = append(all, dimension{toolPrefix + name, familyTools, func(c *traffic.Call) string {
			version, ok := c.Identity.Tools[name]
			if !ok && len(c.Identity.Tools) > 0 {
				return notOffered
			}
			return version
		}})
	}
	return all
}

// unrecorded is the value of calls that do not say.
const unrecorded = "(not recorded)"

// ofUnits is the most frequent value of each unit's calls.
func (d *dimension) ofUnits(f *traffic.Frame) []string {
	values := make([]string, len(f.Units))
	for i, u := range f.Units {
		counts, best := map[string]int{}, ""
		for _, c := range u.Calls {
			v := d.value(&f.Calls[c])
			if v == "" {
				continue
			}
			counts[v]++
			if best == "" || counts[v] > counts[best] {
				best = v
			}
		}
		values[i] = best
		if best == "" {
			values[i] = unrecorded
		}
	}
	return values
}

// maxListed is how many values of a dimension are listed.
const maxListed = 8

// identities lists the dimensions that took several values.
func (r *Report) identities(t *timeline) {
	for _, d := range dimensions(t.frame) {
		seen := map[string]*IdentityValue{}
		counts := map[string]int{}
		for i := range t.frame.Calls {
			c := &t.frame.Calls[i]
			v := d.value(c)
			if v == "" {
				continue
			}
			if seen[v] == nil {
				seen[v] = &IdentityValue{Value: v, FirstSeen: c.Start}
			}
			seen[v].LastSeen = c.Start
			seen[v].Calls++
			counts[v]++
		}
		if len(seen) < 2 {
			continue
		}
		identity := Identity{Name: d.name}
		names := traffic.ByCount(counts)
		for _, v := range names[:min(maxListed, len(names))] {
			value := *seen[v]
			value.Share = traffic.Number(float64(value.Calls) / float64(len(t.frame.Calls)))
			identity.Values = append(identity.Values, value)
		}
		slices.SortStableFunc(identity.Values, func(a, b IdentityValue) int { return a.FirstSeen.Compare(b.FirstSeen) })
		r.Identities = append(r.Identities, identity)
	}
}

// markIdentities tells which change each dimension explains.
func (r *Report) markIdentities() {
	for i := range r.Identities {
		for n, change := range r.Changes {
			for _, d := range change.Cause.Dimensions {
				if d.Name == r.Identities[i].Name {
					r.Identities[i].Change = n + 1
				}
			}
		}
	}
}

// short cuts the hex of a hash.
func short(value string) string {
	if rest, ok := strings.CutPrefix(value, "sha256:"); ok && len(rest) > 12 {
		return rest[:12]
	}
	return value
}

// paramsDetail says which parameters differ between the sides' usual ones.
func paramsDetail(f *traffic.Frame) string {
	var usual [2]map[string]json.RawMessage
	for g := range usual {
		counts := map[string]int{}
		for i := range f.Calls {
			if c := &f.Calls[i]; c.Arm == g && c.Identity.Params != "" {
				counts[c.Identity.Params]++
			}
		}
		if names := traffic.ByCount(counts); len(names) == 0 || json.Unmarshal([]byte(names[0]), &usual[g]) != nil {
			return ""
		}
	}
	keys := sortedKeys(usual[0])
	for _, key := range sortedKeys(usual[1]) {
		if _, ok := usual[0][key]; !ok {
			keys = append(keys, key)
		}
	}
	var parts []string
	for _, key := range keys {
		before, after := textOfParam(usual[0][key]), textOfParam(usual[1][key])
		if before != after {
			parts = append(parts, fmt.Sprintf("%s %s to %s", strings.TrimPrefix(key, "gen_ai.request."), before, after))
		}
	}
	return strings.Join(parts, ", ")
}

func textOfParam(raw json.RawMessage) string {
	if raw == nil {
		return "(unset)"
	}
	return string(raw)
}

// shareDifference is the total variation distance of a dimension between sides.
func shareDifference(f *traffic.Frame, values []string) float64 {
	index, counts := map[string]int{}, [2][]float64{}
	for i, u := range f.Units {
		k, ok := index[values[i]]
		if !ok {
			k = len(index)
			index[values[i]] = k
			counts[0], counts[1] = append(counts[0], 0), append(counts[1], 0)
		}
		counts[u.Arm][k]++
	}
	return stats.TotalVariation(counts[0], counts[1])
}
