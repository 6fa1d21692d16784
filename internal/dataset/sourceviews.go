// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// Views are the statements for DuckDB over a dataset.
type Views struct {
	sources []sourceFiles
}

// sourceFiles are the files of a table, as literals of SQL.
type sourceFiles struct {
	table    string
	literals []string
}

// ViewsOf returns the views over the dataset at path; ErrNewer when a later version
// of Spanloop wrote to its manifest.
func ViewsOf(path string) (Views, error) {
	root, err := filepath.Abs(path)
	if err != nil {
		return Views{}, err
	}
	ctx, s := context.Background(), store.NewFolder(root)
	m, err := knownManifest(ctx, s)
	if err != nil {
		return Views{}, fmt.Errorf("dataset %q: %w", path, err)
	}
	return viewsOver(ctx, s, GlobLiteral(filepath.ToSlash(root))+"/", m.removed)
}

// viewsOver are the views over the files that a dataset has now, at a prefix for
// globs, without those that were removed and wait for who reads them.
func viewsOver(ctx context.Context, s store.Store, prefix string, removed []Removal) (v Views, err error) {
	gone := map[string]bool{}
	for _, r := range removed {
		gone[r.Path] = true
	}
	for _, table := range Tables {
		paths, err := pathsToRead(ctx, s, table, gone)
		if err != nil {
			return Views{}, err
		}
		v.sources = append(v.sources, sourceFiles{table: table, literals: pathLiterals(prefix, paths)})
	}
	return v, nil
}

// SQL makes the views spans, messages, scores, prompts and tools, and those that
// they are made of. Those of tables without files have no rows and the right types.
//
// All files of the tables in alike have the columns of this version; of other
// tables, DuckDB unites the columns of all files, for which it holds every footer
// in memory as long as a statement runs (163 KB a file of spans).
func (v Views) SQL(alike map[string]bool) string {
	var b strings.Builder
	filled := map[string]bool{}
	for _, source := range v.sources {
		filled[source.table] = len(source.literals) > 0
		b.WriteString(source.view(alike[source.table]))
	}
	b.WriteString(viewStatements(filled[TableContent], filled[TableMessages]))
	return b.String()
}

// Histories tells whether some histories are rebuilt from messages.
func (v Views) Histories() bool {
	return slices.ContainsFunc(v.sources, func(s sourceFiles) bool { return s.table == TableMessages && len(s.literals) > 0 })
}

// Kind is what the footers of some files of a table say in common.
type Kind struct {
	Table string
	// Format and Columns are the values of their keys, Columns "" in files from
	// before it was written.
	Format, Columns string
	// Files counts them; Path is one of them.
	Files int64
	Path  string
}

// Kinds is a query for table, format, columns, count and one path of each kind of
// files, from their footers; "" when there are no files.
func (v Views) Kinds() string {
	var kinds []string
	for _, source := range v.sources {
		if len(source.literals) == 0 {
			continue
		}
		files := "[" + strings.Join(source.literals, ", ") + "]"
		// Other programs' files may bear no keys at all.
		kinds = append(kinds, fmt.Sprintf(`SELECT '%s', coalesce(format, ''), coalesce(columns, ''), count(*), min(file)
FROM glob(%s) LEFT JOIN (
  SELECT file_name AS file, max(decode(value)) FILTER (key = '%s'::BLOB) AS format, max(decode(value)) FILTER (key = '%s'::BLOB) AS columns
  FROM parquet_kv_metadata(%[2]s) GROUP BY file_name) USING (file)
GROUP BY ALL`, source.table, files, formatKey, columnsOfKey))
	}
	return strings.Join(kinds, "\nUNION ALL\n")
}

// Known tells whether the format is this version's; 0 and "" of other programs'
// files count as known.
func (k Kind) Known() bool { return k.Format == "" || k.Format == fmt.Sprint(Format) }

// Alike tells whether the files have the columns of this version.
func (k Kind) Alike() bool {
	l, err := layoutOf(k.Table, CodecZstd)
	return err == nil && k.Columns == l.columns
}

func pathLiterals(prefix string, paths []string) []string {
	literals := make([]string, len(paths))
	for i, name := range paths {
		literals[i] = "'" + strings.ReplaceAll(prefix+name, "'", "''") + "'"
	}
	return literals
}

// pathsToRead are a table's Parquet files: one glob for all of them, their paths
// when some are gone but for their content. There are none without files.
func pathsToRead(ctx context.Context, s store.Store, table string, gone map[string]bool) (paths []string, err error) {
	waiting := false
	for name := range gone {
		waiting = waiting || strings.HasPrefix(name, table+"/")
	}
	skipped := false
	err = s.List(ctx, table, func(item store.Info) error {
		switch {
		case !strings.HasSuffix(item.Name, ".parquet"):
		case gone[item.Name]:
			skipped = true
		default:
			paths = append(paths, item.Name)
			if !waiting {
				return fs.SkipAll
			}
		}
		return nil
	})
	if err != nil || len(paths) == 0 || skipped {
		return paths, err
	}
	if slices.Contains([]string{TablePrompts, TableTools}, table) {
		return []string{table + "/*.parquet"}, nil
	}
	return []string{table + "/**/*.parquet"}, nil
}

// view makes <table>_files, the rows as they are stored. Names are read from the
// files, not from the paths, where long ones are cut.
func (s sourceFiles) view(alike bool) string {
	if len(s.literals) == 0 {
		var empty []string
		for _, c := range columnsOf(s.table) {
			empty = append(empty, c.null())
		}
		return fmt.Sprintf("CREATE OR REPLACE VIEW %s_files AS SELECT %s WHERE false;\n", s.table, strings.Join(empty, ", "))
	}
	source := s.literals[0]
	if len(s.literals) > 1 {
		source = "[" + strings.Join(s.literals, ", ") + "]"
	}
	if alike {
		return fmt.Sprintf("CREATE OR REPLACE VIEW %s_files AS SELECT * FROM read_parquet(%s, hive_partitioning = false);\n", s.table, source)
	}
	// Files from before a column was added lack it.
	newer := ""
	if names := newerColumns[s.table]; len(names) > 0 {
		var nulls []string
		for _, c := range columnsOf(s.table) {
			if slices.Contains(names, c.name) {
				nulls = append(nulls, c.null())
			}
		}
		newer = " UNION ALL BY NAME SELECT " + strings.Join(nulls, ", ") + " WHERE false"
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s_files AS SELECT * FROM read_parquet(%s, hive_partitioning = false, union_by_name = true)%s;\n",
		s.table, source, newer)
}

// newerColumns are those that a table has had since its first version and that the
// views need.
var newerColumns = map[string][]string{
	TableSpans: {lateIdentityColumn},
	TableContent: {"identity_id", "prompt_name", "prompt_version", "prompt_hash", "prompt_label", "prompt_resolution", "prompt_unresolved_reason",
		"prompt_variables", "tool_versions", "toolset_hash", "toolset_completeness"},
}

// null is the column without a value.
func (c column) null() string { return fmt.Sprintf("CAST(NULL AS %s) AS %q", duckType(c.kind), c.name) }
