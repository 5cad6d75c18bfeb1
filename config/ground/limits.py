"""Rate limits: the generic cell rate algorithm (GCRA) in one atomic Redis call.

Each key holds only the theoretical arrival time of its next call, so a limit costs one small key
and cannot race. When Redis is away the answer is "allowed": a limit is a courtesy, an order is not.
Source: ITU-T I.371, GCRA.
"""

from functools import cache
from typing import NamedTuple

import redis
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from config.ground.problems import Refusal

SCRIPT = """
local now = redis.call('TIME')
local at = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
local gap, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), at)
local wait = due - at - gap * (burst - 1)
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], due + gap, 'PX', math.ceil(due + gap - at))
return 0
"""


class TooMany(Refusal):
    """Faster than one may; `retry_after` are the seconds to wait."""

    code = "too_many"
    status = 429
    message = _("That was a little fast. Again in {n} s.")


class Limit(NamedTuple):
    """`burst` calls at once, then `per_minute` a minute."""

    per_minute: float
    burst: int


@cache
def _connection() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)


def wait_ms(key: str, limit: Limit) -> int:
    """0 when the call is allowed (and counted), else the milliseconds until it would be."""
    try:
        answer = _connection().eval(SCRIPT, 1, f"limit:{key}", 60_000 / limit.per_minute, limit.burst)
    except redis.RedisError:
        return 0
    return int(answer)


def hold(key: str, limit: Limit) -> None:
    """Count one call; raises TooMany when it comes too early."""
    wait = wait_ms(key, limit)
    if wait:
        seconds = -(-wait // 1000)
        raise TooMany(n=seconds, retry_after=seconds)
