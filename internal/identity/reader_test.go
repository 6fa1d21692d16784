// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestReaderSaysOfEachSpanWhatFromAttributesSays(t *testing.T) {
	lists := [][]any{{"a@1", "b@2"}, {"a@1", "b@2"}, {"a@1"}, {}, {"a@1", "b@3"}, {"a@1", 7}, {"a@1", "b@2"}, nil, {"a@1", "b@2"}}
	var r Reader
	for _, list := range lists {
		attributes := pcommon.NewMap()
		require.NoError(t, attributes.PutEmptySlice(AttrToolVersions).FromRaw(list))
		if list == nil {
			attributes.PutStr(AttrToolVersions, "no list")
		}
		require.Equal(t, FromAttributes(attributes), r.FromAttributes(attributes), list)
	}
}
