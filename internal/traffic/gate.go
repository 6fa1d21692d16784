// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

// Statuses of a gate.
const (
	GatePasses = "passes"
	GateWarns  = "warns"
	GateBlocks = "blocks"
)

// Gate is one condition for a fair comparison.
type Gate struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Text   string `json:"text"`
}
