// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import "time"

// Clock gives spans their timestamps. It starts at a chosen moment and then runs
// as real time does, so that durations are the measured ones; Skip moves it on
// without waiting.
type Clock struct {
	start   time.Time
	began   time.Time
	skipped time.Duration
}

// NewClock returns a clock that shows start now.
func NewClock(start time.Time) *Clock { return &Clock{start: start, began: time.Now()} }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return c.start.Add(c.skipped + time.Since(c.began)) }

// Skip moves the clock on, as when a customer thinks before the next message.
func (c *Clock) Skip(d time.Duration) { c.skipped += d }
