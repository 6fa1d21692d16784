// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"os"
	"slices"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
)

// releaseColumns are the columns of the view releases.
var releaseColumns = []dataset.ColumnDoc{
	{Name: "prompt", Type: "VARCHAR", Meaning: "prompt that was released"},
	{Name: "environment", Type: "VARCHAR", Meaning: "environment or label"},
	{Name: "version", Type: "VARCHAR", Meaning: "version that it served"},
	{Name: "weight", Type: "DOUBLE", Meaning: "share of the traffic, relative to the release's other versions"},
	{Name: "from_time", Type: "TIMESTAMP", Unit: "UTC", Meaning: "since when"},
	{Name: "to_time", Type: "TIMESTAMP", Unit: "UTC", Meaning: "until when; null for what is served now"},
	{Name: "author", Type: "VARCHAR", Meaning: "who released it"},
	{Name: "reason", Type: "VARCHAR", Meaning: "why"},
}

// Views are the names of the views, in the order in which they are shown.
var Views = []string{dataset.TableSpans, dataset.TableMessages, dataset.TableScores, dataset.TablePrompts, dataset.TableTools, "releases"}

// Columns describes the columns of each view.
func Columns() map[string][]dataset.ColumnDoc {
	docs := dataset.Columns()
	docs["releases"] = releaseColumns
	return docs
}

// fillReleases makes the releases table from the registry: what each
// environment served, from when to when, with which weight.
func (db *DB) fillReleases(ctx context.Context, dir string) error {
	_, err := db.sql.ExecContext(ctx, `CREATE TABLE releases (prompt VARCHAR, environment VARCHAR, version VARCHAR,
		weight DOUBLE, from_time TIMESTAMP, to_time TIMESTAMP, author VARCHAR, reason VARCHAR)`)
	if err != nil || dir == "" {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil // a registry is not needed
	}
	snapshot, problems := registry.Load(dir)
	db.problems = slices.DeleteFunc(slices.Clone(problems), func(p registry.Problem) bool { return p.Warning })
	for _, prompt := range snapshot.Prompts() {
		releases := snapshot.Releases(prompt.Name)
		for i, release := range releases {
			for _, target := range release.Targets {
				if _, err := db.sql.ExecContext(ctx, "INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
					prompt.Name, release.Environment, target.Version, target.Weight, release.Time.UTC(), endOf(releases, i),
					release.Author, release.Reason); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// endOf is when the next release of the same environment took over; nil while
// there is none.
func endOf(releases []registry.Release, i int) any {
	for _, later := range releases[i+1:] {
		if later.Environment == releases[i].Environment {
			return later.Time.UTC()
		}
	}
	return nil
}
