"""Empties the database after a test that commits; conftest.py switches it on.

Django truncates every table, which rewrites some seventy tables and their indexes for a few dozen rows. Here the rows
are deleted instead, with triggers off for that one statement: most tables were never written to, the rest are small.
What Django writes about the models after a migration (DERIVED) stays, so that nothing has to write it again.
"""

import functools

from django.db import connections
from django.test import TransactionTestCase

DERIVED = {"django_content_type", "auth_permission"}
DELETE = """
DO $$ DECLARE name text; BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOREACH name IN ARRAY ARRAY[{names}] LOOP
        IF pg_relation_size(name::regclass) > 0 THEN EXECUTE 'DELETE FROM ' || quote_ident(name); END IF;
    END LOOP;
END $$
"""


@functools.cache
def statement(database: str) -> str:
    """Write the statement that empties all tables of this database."""
    tables = connections[database].introspection.django_table_names(only_existing=True, include_views=False)
    return DELETE.format(names=", ".join(f"'{table}'" for table in tables if table not in DERIVED))


def empty(case: TransactionTestCase) -> None:
    """Do what Django's `flush` would."""
    for database in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        connections[database].ops.execute_sql_flush([statement(database)])


def quicken() -> None:
    """Let Django empty tables in this way from now on."""
    TransactionTestCase._fixture_teardown = empty  # type: ignore[method-assign]
