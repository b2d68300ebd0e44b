"""Tables larger than memory: the only file that imports duckdb."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

_BATCH_ROWS = 4096


class Database:
    """A connection to a private database, as :func:`open_database` opens it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._tables: dict[str, pa.Table] = {}

    def add_source(self, name: str, rows: pa.Table | Path | Sequence[str | Path]) -> str:
        """Make rows known to queries.

        Parameters
        ----------
        name
            Of the source.
        rows
            A table, or Parquet files of one, which are then read when they are queried.

        Returns
        -------
        str
            The name of the rows in a query.
        """
        if isinstance(rows, pa.Table):
            self._connection.register(name, rows)
            self._tables[name] = rows
        else:
            paths = [str(rows)] if isinstance(rows, (str, Path)) else [str(path) for path in rows]
            self._connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({paths!r})")
        return name

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        """Execute a statement."""
        return self._connection.execute(statement, parameters)

    def query(self, statement: str) -> pa.Table:
        """Return the rows of a query as a table."""
        return self._connection.sql(statement).to_arrow_table()

    def stream(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Return the rows of a query batch by batch; other statements may be executed meanwhile."""
        with self._connection.cursor() as cursor:
            for name, table in self._tables.items():
                cursor.register(name, table)
            yield from cursor.sql(statement).to_arrow_reader(_BATCH_ROWS)

    def append(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table, by the names of its columns."""
        self._connection.register("appended", rows)
        self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM appended")
        self._connection.unregister("appended")


@contextlib.contextmanager
def open_database(memory_limit: str) -> Generator[Database]:
    """Open an empty database that spills to a temporary folder, which is removed at the end.

    Parameters
    ----------
    memory_limit
        What it may use before it spills, such as ``1GB``.
    """
    with tempfile.TemporaryDirectory(prefix="hearsight-") as folder:
        config: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": folder, "threads": 2}
        with duckdb.connect(str(Path(folder) / "clips.duckdb"), config=config) as connection:
            yield Database(connection)


class QueryError(Exception):
    """A statement that the sandbox refuses, in one line."""


class Sandbox:
    """A database with one table, ``rows``, for expressions that users write, as :func:`open_sandbox` opens it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds

    def parse(self, statement: str) -> str:
        """Return the syntax tree of a statement as JSON, without executing it."""
        return self._run("SELECT json_serialize_sql(?)", [statement]).column(0)[0].as_py()

    def query(self, statement: str) -> pa.Table:
        """Return the rows of a query.

        Raises
        ------
        QueryError
            When it cannot be executed, or takes too much time or memory.
        """
        return self._run(statement, [])

    def _run(self, statement: str, parameters: Sequence[Any]) -> pa.Table:
        timer = threading.Timer(self._seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            return self._connection.sql(statement, params=list(parameters)).to_arrow_table()
        except duckdb.InterruptException as error:
            raise QueryError(f"not done after {self._seconds:g} s") from error
        except (duckdb.Error, RuntimeError) as error:
            raise QueryError(str(error).partition("\n")[0]) from error
        finally:
            timer.cancel()


@contextlib.contextmanager
def open_sandbox(rows: pa.Table, seconds: float) -> Generator[Sandbox]:
    """Open a database in memory for expressions over a table: without files, network, extensions or settings that can be changed.

    Parameters
    ----------
    rows
        The table, named ``rows``.
    seconds
        Time that a statement may take.
    """
    config: dict[str, Any] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "memory_limit": "1GB",
        "threads": 2,
    }
    with duckdb.connect(":memory:", config=config) as connection:
        connection.register("rows", rows)
        connection.execute("SET lock_configuration = true")
        yield Sandbox(connection, seconds)
