// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// leaseDir holds the leases of stores that know no locks. Each has a number; the
// one with the highest counts, and only one process can put it.
const leaseDir = manifestDir + "/leases"

// leaseTime is how long a lease holds. Its work ends before.
const leaseTime = time.Hour

// lease is a right to change files.
type lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

// takeLease takes the lease that follows an expired one, or returns ErrBusy. The
// work must end with the context.
func takeLease(ctx context.Context, s store.Store, now func() time.Time) (context.Context, func(), error) {
	numbers, err := leases(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	next := 1
	if len(numbers) > 0 {
		last := numbers[len(numbers)-1]
		next = last + 1
		held, err := readLease(ctx, s, last)
		if err != nil {
			return nil, nil, err
		}
		if now().Before(held.Until) {
			return nil, nil, ErrBusy
		}
	}
	own := lease{Holder: rand.Text(), Until: now().Add(leaseTime).UTC()}
	err = s.Put(ctx, leaseName(next), own.encode())
	if errors.Is(err, store.ErrDiffers) {
		return nil, nil, ErrBusy
	}
	if err != nil {
		return nil, nil, fmt.Errorf("lease: %w", err)
	}
	if err := confirmLease(ctx, s, next); err != nil {
		return nil, nil, err
	}
	working, cancel := context.WithTimeout(ctx, leaseTime*9/10)
	return working, func() {
		cancel()
		over := lease{Holder: own.Holder, Until: now().UTC()}
		_ = s.Replace(context.WithoutCancel(ctx), leaseName(next), over.encode())
	}, nil
}

// confirmLease makes sure that a lease is the highest one: a listing may miss what
// is put or removed meanwhile. The lease before stays, so that whoever lists now
// counts on from one of the two; older ones go.
func confirmLease(ctx context.Context, s store.Store, own int) error {
	numbers, err := leases(ctx, s)
	if err == nil && slices.Max(append(numbers, own)) > own {
		_ = s.Remove(ctx, leaseName(own))
		return ErrBusy
	}
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n < own-1 {
			_ = s.Remove(ctx, leaseName(n))
		}
	}
	return nil
}

func (l lease) encode() []byte {
	content, _ := json.Marshal(l) // Texts and times always can be.
	return content
}

func leaseName(n int) string { return fmt.Sprintf("%s/%012d.lease", leaseDir, n) }

// leases are the numbers of the leases that there are, in order.
func leases(ctx context.Context, s store.Store) ([]int, error) {
	var numbers []int
	err := s.List(ctx, leaseDir, func(item store.Info) error {
		if n, err := strconv.Atoi(strings.TrimSuffix(path.Base(item.Name), ".lease")); err == nil {
			numbers = append(numbers, n)
		}
		return nil
	})
	slices.Sort(numbers)
	return numbers, err
}

// readLease reads a lease. One that cannot be read was not written by this
// version, and holds.
func readLease(ctx context.Context, s store.Store, n int) (l lease, err error) {
	content, err := s.Read(ctx, leaseName(n))
	if err == nil {
		err = json.Unmarshal(content, &l)
	}
	if err != nil {
		return l, fmt.Errorf("lease %s: %w", leaseName(n), err)
	}
	return l, nil
}
