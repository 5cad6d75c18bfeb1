"""Millions of rows in a minute: copies of one real row with a few columns of their own, written by the database itself.

Triggers and foreign keys rest meanwhile (in this session, of the bench's own database, only): each row is a copy of
one that has passed them.
"""

from collections.abc import Mapping

from django.db import connection, models, transaction


def copy(model: type[models.Model], pk: int, numbers: range, own: Mapping[str, str]) -> None:
    """Write one copy of a row for each number; `own` maps columns to SQL over `n`."""
    table = model._meta.db_table  # noqa: SLF001 - public by practice
    same = [f'"{field.column}"' for field in model._meta.concrete_fields if field.column not in {"id", *own}]  # noqa: SLF001
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(
            f"INSERT INTO {table} ({', '.join([*own, *same])}) SELECT {', '.join([*own.values(), *same])}"
            f" FROM {table}, generate_series(%s, %s) n WHERE id = %s",
            [numbers.start, numbers.stop - 1, pk],
        )


def settle(*tables: str) -> None:
    """Vacuum and analyse, as the server would have done by itself meanwhile."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM (ANALYZE) {table}")
