// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"context"
	"fmt"
)

// ToolDefinition is the definition of a version of a tool that calls were
// offered, as JSON; empty when none was recorded. It is read from the files'
// view, since the view tools counts all calls.
func ToolDefinition(ctx context.Context, db Querier, name, version string) (definition, hash string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT coalesce(definition, ''), hash FROM tools_files WHERE name = ? AND version = ? ORDER BY hash LIMIT 1", name, version)
	if err != nil {
		return "", "", fmt.Errorf("definition of tool %q: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&definition, &hash); err != nil {
			return "", "", fmt.Errorf("definition of tool %q: %w", name, err)
		}
	}
	return definition, hash, rows.Err()
}
