// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"strings"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// pruneRejected removes reject files by the time of their writing: the spans in
// them have no rows. They bear no prompt, and count for no size.
func (p *pruner) pruneRejected(ctx context.Context) error {
	o := &p.options
	if o.Until.IsZero() || o.Prompt != "" || o.MaxBytes > 0 {
		return nil
	}
	var names []string
	err := p.store.List(ctx, rejectedDir, func(item store.Info) error {
		if strings.HasSuffix(item.Name, ".jsonl") && item.Modified.Before(o.Until) && !item.Modified.Before(o.Since) {
			names = append(names, item.Name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.result.Rejected = len(names)
	if o.DryRun {
		return nil
	}
	return p.remove(ctx, names)
}
