// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
)

// The collector validates the queue's and the batch's own settings too, which
// grow with its versions.
func TestDefaultConfigIsValid(t *testing.T) {
	config := NewFactory().CreateDefaultConfig()
	require.NoError(t, componenttest.CheckConfigStruct(config))
	assert.NoError(t, confmap.Validate(config))
}
