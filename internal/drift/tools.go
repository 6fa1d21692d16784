// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"context"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/traffic"
)

// describeTools says what differs between the versions of tools that are causes.
func (r *Report) describeTools(ctx context.Context, db traffic.Querier) error {
	for i := range r.Changes {
		cause := &r.Changes[i].Cause
		for j := range cause.Dimensions {
			d := &cause.Dimensions[j]
			name, isTool := strings.CutPrefix(d.Name, toolPrefix)
			if !isTool {
				continue
			}
			var versions [2]registry.ToolVersion
			for g, version := range []string{d.Before, d.After} {
				definition, hash, err := traffic.ToolDefinition(ctx, db, name, version)
				if err != nil {
					return err
				}
				versions[g] = registry.ToolVersion{Version: version, Definition: []byte(definition), Hash: hash}
			}
			if versions[0].Hash == "" || versions[1].Hash == "" {
				continue
			}
			d.Differences = registry.DiffTools(&versions[0], &versions[1])
			var texts []string
			for _, difference := range d.Differences[:min(3, len(d.Differences))] {
				texts = append(texts, difference.Text)
			}
			d.Detail = strings.Join(texts, ", ")
		}
		cause.name()
	}
	return nil
}
