// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package dataset

import (
	"context"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// lock makes this the only process that compacts or repairs, until unlock is
// called.
func lock(ctx context.Context, s store.Store, now func() time.Time) (context.Context, func(), error) {
	return takeLease(ctx, s, now)
}
