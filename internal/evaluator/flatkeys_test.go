// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Names that are kept and names that are not have the same keys, and what is
// kept is bounded.
func TestFlatKeys(t *testing.T) {
	before := knownKeys.Load()
	t.Cleanup(func() { knownKeys.Store(before) })
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range maxKnownKeys {
				name := fmt.Sprintf("name-%d", i+g*50)
				assert.Equal(t, newFlatKeys(name), flatKeysOf(name))
				rememberKeys(name)
				assert.Equal(t, newFlatKeys(name), flatKeysOf(name))
			}
		})
	}
	group.Wait()
	assert.Len(t, *knownKeys.Load(), maxKnownKeys)
	assert.Equal(t, flatKeys{"spanloop.eval.refusal.score", "spanloop.eval.refusal.label"}, flatKeysOf("refusal"))
}
