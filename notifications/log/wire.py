"""The log's connections: the hint and shard channels of Redis, and a PostgreSQL connection outside Django's.

Redis may be away at any moment: whoever publishes here loses speed, never facts.
"""

from functools import cache
from typing import Any
from zlib import crc32

import psycopg
import redis
from django.conf import settings
from django.db import connection

FROZEN_MS = 10_000  # inside a transaction nothing is waited for, so nobody alive is silent there for so long
SHARDS = 16  # fixed channels instead of one a topic: nobody ever subscribes or unsubscribes an order


def channel(name: str) -> str:
    """Give the channel's full name. Pub/sub knows no Redis databases, so the PostgreSQL database is the namespace."""
    return f"{connection.settings_dict['NAME']}:{name}"


def hint_channel() -> str:
    """Name where "something was committed" is said, with an empty message."""
    return channel("log:new")


def shard_channel(shard: int) -> str:
    """Name where the frames of one shard are published."""
    return channel(f"ev:{shard}")


def shard_of(topic: str) -> int:
    """Give the shard that carries a topic."""
    return crc32(topic.encode()) % SHARDS


@cache
def redis_connection() -> redis.Redis:
    """Share the process's client for publishing; it answers or fails within half a second."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


def give_up_when_frozen() -> None:
    """Let PostgreSQL end this thread's session when it stops inside a transaction: its locks hold up other relays."""
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = %s", [FROZEN_MS])


def open_reader_session() -> None:
    """Prepare this thread's session for readers: ended when frozen, and not waiting for the disk at each commit.

    A reader's effects and its cursor are in one transaction: PostgreSQL's crash takes back both, and it reads again.
    Whoever acts on such an effect outside (a sender, a gateway's client) commits its claim durably first, and with
    that everything before it.
    """
    give_up_when_frozen()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


def postgres_connection(**options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """Open a new autocommit connection to Django's database, for a lock that must live as long as its session."""
    wanted = {"dbname", "user", "password", "host", "port", "application_name", "client_encoding", "sslmode"}
    params = {key: value for key, value in connection.get_connection_params().items() if key in wanted}
    return psycopg.connect(**params, autocommit=True, **options)
