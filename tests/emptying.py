"""Empties the database after a test that commits; conftest.py switches it on.

Django truncates every table, which rewrites some seventy tables and their indexes for a few dozen rows. Here the rows
are deleted instead, with triggers off for that one statement: most tables are empty, and the rest are small.
What Django writes about the models after a migration (DERIVED) stays, so that nothing has to write it again.
"""

from collections.abc import Sequence
from typing import Any

from django.core.management.commands import flush
from django.db.backends.postgresql.operations import DatabaseOperations

TRUNCATE = DatabaseOperations.sql_flush
DERIVED = {"django_content_type", "auth_permission"}
DELETE = """
DO $$ DECLARE name text; BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOREACH name IN ARRAY ARRAY[{names}] LOOP EXECUTE 'DELETE FROM ' || quote_ident(name); END LOOP;
END $$
"""


def sql_flush(
    operations: DatabaseOperations,
    style: Any,
    tables: Sequence[str],
    *,
    reset_sequences: bool = False,
    allow_cascade: bool = False,
) -> list[str]:
    """Write the statement that empties these tables; numbers that must begin anew still need the slow way."""
    tables = [table for table in tables if table not in DERIVED]
    if reset_sequences or not tables:
        return TRUNCATE(operations, style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade)
    return [DELETE.format(names=", ".join(f"'{table}'" for table in tables))]


def quicken() -> None:
    """Let Django empty tables in this way from now on."""
    DatabaseOperations.sql_flush = sql_flush  # type: ignore[assignment, method-assign]
    flush.emit_post_migrate_signal = lambda *_words, **_named: None  # type: ignore[attr-defined]
