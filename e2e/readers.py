# Copyright The Spanloop Authors
# SPDX-License-Identifier: Apache-2.0
"""Describes a table of a dataset with one engine: python readers.py ENGINE TABLE.

Standard input is the Python of docs/dataset.md that opens the table in that
engine and calls it by its name; it runs in the folder that holds spanloop-data.
The facts are the same for every engine, so that they can be compared: for each
column its kind, its nulls and what its values add up to.
"""
import decimal
import json
import sys


def kind_of(arrow):
    """What is counted of a column of an Arrow type."""
    import pyarrow.types as types
    for kind, test in [("map", types.is_map), ("list", types.is_list), ("time", types.is_timestamp), ("date", types.is_date),
                       ("bool", types.is_boolean), ("whole", types.is_integer), ("real", types.is_floating), ("bytes", types.is_binary)]:
        if test(arrow):
            return kind
    return "text"


def kinds_of(table):
    """Every column of every file, by pyarrow's metadata alone."""
    import pyarrow.dataset as ds
    found = {}
    for fragment in ds.dataset(f"spanloop-data/{table}", partitioning=None).get_fragments():
        for field in fragment.physical_schema:
            found[field.name] = kind_of(field.type)
    return found


def duckdb(rows, kinds):
    relation = rows
    pieces = {
        "whole": "CAST(sum({c}) AS VARCHAR)", "real": "sum({c})", "bool": "count_if({c})", "text": "[sum(length({c})), count(DISTINCT {c})]",
        "bytes": "sum(octet_length({c}))", "list": "sum(len({c}))", "map": "sum(cardinality({c}))",
        "time": "[epoch_us(min({c})), epoch_us(max({c}))]", "date": "[CAST(min({c}) AS VARCHAR), CAST(max({c}) AS VARCHAR)]",
    }
    facts = {"rows": relation.aggregate("count(*)").fetchone()[0],
             "ids": relation.aggregate("count(DISTINCT (trace_id, span_id))").fetchone()[0], "columns": {}}
    for column, kind in kinds.items():
        row = relation.aggregate(f'count(*) - count("{column}"), ' + pieces[kind].format(c=f'"{column}"')).fetchone()
        facts["columns"][column] = {"nulls": row[0], "value": row[1]}
    facts["names"] = dict(relation.aggregate("prompt_name, count(*)", "prompt_name").fetchall())
    return facts


def polars(rows, kinds):
    import polars as pl
    measures = {
        "whole": lambda c: c.sum().cast(pl.String), "real": lambda c: c.sum(), "bool": lambda c: c.sum(),
        "text": lambda c: pl.concat_list(c.str.len_chars().cast(pl.Int64).sum(), c.drop_nulls().n_unique().cast(pl.Int64)),
        "bytes": lambda c: c.bin.size().sum(), "list": lambda c: c.list.len().sum(), "map": lambda c: c.map.len().sum(),
        "time": lambda c: pl.concat_list(c.min().dt.epoch("us"), c.max().dt.epoch("us")),
        "date": lambda c: pl.concat_list(c.min().cast(pl.String), c.max().cast(pl.String)),
    }
    expressions = [pl.len().alias("rows"), pl.struct("trace_id", "span_id").n_unique().alias("ids")]
    for column, kind in kinds.items():
        expressions += [pl.col(column).null_count().alias(column + ":nulls"), measures[kind](pl.col(column)).alias(column + ":value")]
    row = rows.select(expressions).collect().row(0, named=True)
    names = rows.group_by("prompt_name").len().collect().rows()
    return {"rows": row["rows"], "ids": row["ids"], "names": dict(names),
            "columns": {c: {"nulls": row[c + ":nulls"], "value": row[c + ":value"]} for c in kinds}}


def pyarrow(rows, kinds):
    import pyarrow.compute as pc
    measures = {
        "whole": lambda c: str(pc.sum(c).as_py()), "real": lambda c: pc.sum(c).as_py(), "bool": lambda c: pc.sum(c).as_py(),
        "text": lambda c: [pc.sum(pc.utf8_length(c)).as_py(), pc.count_distinct(c).as_py()],
        "bytes": lambda c: pc.sum(pc.binary_length(c)).as_py(), "list": lambda c: pc.sum(pc.list_value_length(c)).as_py(),
        "map": lambda c: sum(len(v) for v in c.to_pylist() if v is not None),
        "time": lambda c: [pc.min(c).value, pc.max(c).value], "date": lambda c: [str(pc.min(c)), str(pc.max(c))],
    }
    table = rows.to_table()
    ids = table.group_by(["trace_id", "span_id"]).aggregate([]).num_rows
    names = table.group_by("prompt_name").aggregate([([], "count_all")]).to_pylist()
    return {"rows": table.num_rows, "ids": ids, "names": {r["prompt_name"]: r["count_all"] for r in names},
            "columns": {c: {"nulls": table[c].null_count, "value": measures[k](table[c])} for c, k in kinds.items()}}


def pandas(rows, kinds):
    import pandas as pd
    micros = lambda moment: (moment - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
    measures = {
        "whole": lambda c: str(int(c.sum())), "real": lambda c: float(c.sum()), "bool": lambda c: int(c.sum()),
        "text": lambda c: [int(c.dropna().str.len().sum()), int(c.nunique())],
        "bytes": lambda c: sum(len(v) for v in c.dropna()), "list": lambda c: sum(len(v) for v in c.dropna()),
        "map": lambda c: sum(len(v) for v in c.dropna()),
        "time": lambda c: [micros(c.min()), micros(c.max())], "date": lambda c: [str(c.min()), str(c.max())],
    }
    return {"rows": len(rows), "ids": len(rows[["trace_id", "span_id"]].drop_duplicates()),
            "names": {k: int(v) for k, v in rows["prompt_name"].value_counts().items()},
            "columns": {c: {"nulls": int(rows[c].isna().sum()), "value": measures[k](rows[c])} for c, k in kinds.items()}}


def spark(rows, kinds):
    measures = {
        "whole": "CAST(sum(CAST(`{c}` AS DECIMAL(38,0))) AS STRING)", "real": "sum(`{c}`)", "bool": "count_if(`{c}`)",
        "text": "array(sum(length(`{c}`)), count(DISTINCT `{c}`))", "bytes": "sum(length(`{c}`))",
        "list": "sum(size(`{c}`))", "map": "sum(size(`{c}`))",
        "time": "array(unix_micros(min(`{c}`)), unix_micros(max(`{c}`)))",
        "date": "array(CAST(min(`{c}`) AS STRING), CAST(max(`{c}`) AS STRING))",
    }
    expressions = ["count(*)", "count(DISTINCT trace_id, span_id)"]
    for column, kind in kinds.items():
        expressions += [f"count(*) - count(`{column}`)", measures[kind].format(c=column)]
    row = rows.selectExpr(*expressions).collect()[0]
    names = rows.groupBy("prompt_name").count().collect()
    return {"rows": row[0], "ids": row[1], "names": {r[0]: r[1] for r in names},
            "columns": {c: {"nulls": row[2 + 2 * i], "value": row[3 + 2 * i]} for i, c in enumerate(kinds)}}


def wrapped(total):
    """A sum as 64 bits hold it: some engines widen sums, others let them wrap."""
    n = 0 if total in (None, "None") else int(total)
    return str((n + 2**63) % 2**64 - 2**63)


def plain(value):
    """Numbers as they are, decimals as whole numbers."""
    if isinstance(value, decimal.Decimal):
        return int(value)
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def main():
    engine, table = sys.argv[1:]
    space = {}
    exec(compile(sys.stdin.read(), f"docs/dataset.md ({engine})", "exec"), space)
    columns = kinds_of(table)
    facts = globals()[engine](space[table], columns)
    for column, kind in columns.items():
        if kind == "whole":
            facts["columns"][column]["value"] = wrapped(facts["columns"][column]["value"])
    print(json.dumps(facts, default=plain))


main()
