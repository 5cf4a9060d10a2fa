"""Asks one engine, in a Python that has it; uses nothing of the project.

    python runner.py duckdb|spark|clickhouse

Standard input has a JSON list of [statement, query, …], one for each archive. The answer is the last line, in JSON.
Values are compared, not how an engine prints them: a time is in microseconds since 1970 UTC, a date a text, bytes are
hexadecimal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

Ask = Callable[[str], list[list[Any]]]
"""Rows of a statement."""


def duckdb_engine() -> tuple[str, Ask, Callable[[str], list[tuple[str, str]]], dict[str, str]]:
    import duckdb

    connection = duckdb.connect()

    def ask(sql: str) -> list[list[Any]]:
        return [list(row) for row in connection.execute(sql).fetchall()]

    def columns(sql: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in ask(f"DESCRIBE {sql}")]

    forms = {"TIMESTAMP WITH TIME ZONE": "epoch_us({})", "BLOB": "hex({})", "DATE": "{}::VARCHAR"}
    return duckdb.__version__, ask, columns, forms


def spark_engine() -> tuple[str, Ask, Callable[[str], list[tuple[str, str]]], dict[str, str]]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    java = session.sparkContext._jvm.java.lang.System.getProperty("java.version")

    def ask(sql: str) -> list[list[Any]]:
        return [list(row) for row in session.sql(sql).collect()]

    def columns(sql: str) -> list[tuple[str, str]]:
        return list(session.sql(sql).dtypes)

    forms = {"timestamp": "unix_micros({})", "binary": "hex({})", "date": "string({})"}
    return f"{session.version}, Java {java}", ask, columns, forms


def clickhouse_engine() -> tuple[str, Ask, Callable[[str], list[tuple[str, str]]], dict[str, str]]:
    from chdb.session import Session

    session = Session()

    def ask(sql: str) -> list[list[Any]]:
        session.query("SET output_format_json_quote_64bit_integers = 0")
        told = str(session.query(sql, "JSONCompactEachRow"))
        return [json.loads(line) for line in told.splitlines()]

    def columns(sql: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in ask(f"DESCRIBE TABLE ({sql})")]

    forms = {"Nullable(DateTime64(6, 'UTC'))": "toUnixTimestamp64Micro({})", "raw": "hex({})"}
    forms |= {"Date": "toString({})", "Nullable(Date)": "toString({})", "LowCardinality(Date)": "toString({})"}
    return str(session.query("SELECT version()", "TSVRaw")).strip(), ask, columns, forms


ENGINES = {"duckdb": duckdb_engine, "spark": spark_engine, "clickhouse": clickhouse_engine}


def main(name: str, work: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The engine's version, and for each archive the answers: columns with their types, and rows."""
    version, ask, columns, forms = ENGINES[name]()
    answers = []
    for statement, *queries in work:
        ask("DROP VIEW IF EXISTS log")
        ask(statement)
        for query in queries:
            found = columns(query)
            shown = [forms.get(kind, forms.get(column, "{}")).format(column) for column, kind in found]
            rows = ask(f"SELECT {', '.join(shown)} FROM ({query}) answer")
            answers.append({"columns": found, "rows": rows})
    return {"version": version, "answers": answers}


if __name__ == "__main__":
    told = main(sys.argv[1], json.load(sys.stdin))
    sys.stdout.write("\n" + json.dumps(told) + "\n")
