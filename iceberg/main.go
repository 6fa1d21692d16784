// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	sqlcatalog "github.com/apache/iceberg-go/catalog/sql"
	"github.com/apache/iceberg-go/table"
	"github.com/uptrace/bun/driver/sqliteshim"

	"github.com/spanloop/spanloop/internal/dataset"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("iceberg: ")
	path := flag.String("dataset", "./spanloop-data", "the dataset's `folder`")
	warehouse := flag.String("warehouse", "./warehouse", "`folder` of the catalog (SQLite) and the tables' metadata")
	namespace := flag.String("namespace", "spanloop", "`namespace` of the tables")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *path, *warehouse, *namespace); err != nil {
		log.Fatal(err)
	}
}

// run registers every table that has files.
func run(ctx context.Context, path, warehouse, namespace string) error {
	set, err := dataset.Open(path)
	if err != nil {
		return err
	}
	cat, err := openCatalog(ctx, warehouse, namespace)
	if err != nil {
		return err
	}
	defer cat.Close()
	for _, name := range dataset.Tables {
		files, err := set.Files(ctx, name)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			continue
		}
		change, err := Register(ctx, cat, table.Identifier{namespace, name}, set, name)
		if err != nil {
			return err
		}
		fmt.Printf("%s.%s: %d files, %d rows (%d files added, %d removed)\n",
			namespace, name, change.Files, change.Rows, change.Added, change.Removed)
	}
	return nil
}

// openCatalog opens a catalog in an SQLite file, and makes it when it is missing.
func openCatalog(ctx context.Context, warehouse, namespace string) (*sqlcatalog.Catalog, error) {
	root, err := filepath.Abs(warehouse)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o750); err != nil {
		return nil, err
	}
	loaded, err := catalog.Load(ctx, "spanloop", iceberg.Properties{
		"type": "sql", "uri": "file:" + filepath.Join(root, "catalog.db"), "warehouse": "file://" + filepath.ToSlash(root),
		sqlcatalog.DriverKey: sqliteshim.ShimName, sqlcatalog.DialectKey: string(sqlcatalog.SQLite),
	})
	if err != nil {
		return nil, err
	}
	cat, ok := loaded.(*sqlcatalog.Catalog)
	if !ok {
		return nil, fmt.Errorf("catalog of type %T", loaded)
	}
	err = cat.CreateNamespace(ctx, table.Identifier{namespace}, nil)
	if err != nil && !errors.Is(err, catalog.ErrNamespaceAlreadyExists) {
		return nil, errors.Join(err, cat.Close())
	}
	return cat, nil
}
