from __future__ import annotations

import pyarrow as pa
import pytest

from hearsight.clips.database import QueryError, open_sandbox
from hearsight.errors import UsageError
from hearsight.search.where import select_rows

ROWS = pa.table(
    {
        "source": ["a.wav", "a.wav", "b.wav", "c.wav"],
        "start": [0.0, 1.0, 0.0, 0.0],
        "time": pa.array([0, 10**6 * 3600 * 7, None, 5], pa.timestamp("us")),
        "tags": [["Dog", "Bark"], ["Rain"], [], ["Dog"]],
        "site": ["north", "south", None, "o'hara"],
    }
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("site = 'north'", [0]),
        ("site IS NULL OR start > 0.5", [1, 2]),
        ("list_contains(tags, 'Dog') AND NOT site = 'north'", [3]),
        ("hour(time) BETWEEN 6 AND 8", [1]),
        ("site = 'o''hara' -- a comment", [3]),
        ("source LIKE 'a%'", [0, 1]),
        ("list_has_any(tags, ['Bark', 'Rain'])", [0, 1]),
        ("site IN ('north', 'south')", [0, 1]),
        ("time >= '1970-01-01 06:00:00'", [1]),
        ("tags[1] = 'Dog' AND CAST(start AS INTEGER) + 1 = 1", [0, 3]),
        ("date_trunc('day', time) = DATE '1970-01-01'", [0, 1, 3]),
        ("false", []),
    ],
)
def test_a_condition_selects_rows(condition, expected):
    assert select_rows(ROWS, condition).tolist() == expected


@pytest.mark.parametrize(
    "condition",
    [
        "1; DROP TABLE rows",
        "1) UNION SELECT 1 FROM rows WHERE (1",
        "1) ORDER BY (1",
        "1) LIMIT (1",
        "site IN (SELECT content FROM read_text('/etc/passwd'))",
        "EXISTS (SELECT 1 FROM read_csv('/etc/passwd'))",
        "(SELECT count(*) FROM range(1000000000000)) > 0",
        "row_number() OVER () > 1",
        "count(*) > 1",
        "read_text('/etc/passwd') = ''",
        "site = ?",
        "site = $1",
        "",
        "--",
        "COPY rows TO '/tmp/x'",
        "nosuch = 1",
        "site = 'unclosed",
        "x" * 5000,
        "site = '\x00'; SELECT 1",
        "true) AND (SELECT true",
        "COLUMNS(*) IS NULL",
        "sum(start) > 1",
        "len(list_filter(tags, lambda t: t = 'Bark')) > 0",
    ],
)
def test_what_is_no_single_expression_is_refused_in_one_sentence(condition):
    with pytest.raises(UsageError) as caught:
        select_rows(ROWS, condition)
    assert caught.value.where == "--where"
    assert "\n" not in caught.value.summary
    assert len(caught.value.summary) < 700


def test_a_statement_that_takes_too_long_is_given_up():
    with open_sandbox(ROWS, 0.05) as sandbox, pytest.raises(QueryError, match=r"not done after 0\.05 s"):
        sandbox.query("SELECT count(*) FROM range(1000000000000)")


def test_the_sandbox_reads_no_files_and_keeps_its_settings():
    with open_sandbox(ROWS, 5.0) as sandbox:
        for statement in ("SELECT * FROM read_text('/etc/passwd')", "SET threads = 1", "COPY rows TO '/tmp/rows.csv'"):
            with pytest.raises(QueryError):
                sandbox.query(statement)


@pytest.mark.parametrize(
    "call", ["repeat('a', 1000000000)", "range(1000000000)", "getenv('HOME')", "current_setting('threads')"]
)
def test_a_function_that_is_not_on_the_list_is_refused(call):
    with pytest.raises(UsageError, match="wanted one that is allowed here"):
        select_rows(ROWS, f"len({call}) > 0")


def test_settings_cannot_be_read_into_being_changed():
    with pytest.raises(UsageError):
        select_rows(ROWS, "set_config('enable_external_access', 'true')")


def test_an_unknown_column_is_answered_with_the_columns():
    with pytest.raises(UsageError, match="hint: columns: source, start, time, tags, site"):
        select_rows(ROWS, "place = 'north'")
