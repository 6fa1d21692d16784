// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"maps"
	"sync"
	"sync/atomic"
)

// flatKeys are the names of a score's attributes on its span.
type flatKeys struct{ score, label string }

func newFlatKeys(name string) flatKeys {
	return flatKeys{AttrFlatPrefix + name + ".score", AttrFlatPrefix + name + ".label"}
}

// knownKeys are the keys of the evaluators that were configured; names that come
// from elsewhere are not kept.
var (
	knownKeys      atomic.Pointer[map[string]flatKeys]
	knownKeysWrite sync.Mutex
)

// maxKnownKeys bounds them: names may be made up by whoever configures.
const maxKnownKeys = 1000

// rememberKeys is called for each evaluator that is configured.
func rememberKeys(name string) {
	knownKeysWrite.Lock()
	defer knownKeysWrite.Unlock()
	next := map[string]flatKeys{}
	if before := knownKeys.Load(); before != nil {
		if _, known := (*before)[name]; known || len(*before) >= maxKnownKeys {
			return
		}
		next = maps.Clone(*before)
	}
	next[name] = newFlatKeys(name)
	knownKeys.Store(&next)
}

func flatKeysOf(name string) flatKeys {
	if known := knownKeys.Load(); known != nil {
		if keys, ok := (*known)[name]; ok {
			return keys
		}
	}
	return newFlatKeys(name)
}
