"""What a drill must have left behind: looks through rows, followers and readers, and says what is not right.

driver.py asks `broken(…)` once everything has come to rest. The truth is the database.
"""

from collections import Counter

EVENTS = "SELECT position, stream, version, type FROM notifications_event ORDER BY position"
ORDERS = "SELECT public_id, version, status, payment_status FROM orders_order"
MESSAGES = "SELECT position, count(*) FROM notifications_message GROUP BY position"
SAID = ("order.paid", "order.confirmed", "order.preparing", "order.ready", "order.picked_up",
        "order.completed", "order.cancelled")  # fmt: skip


def broken(ground, followers):
    """Every promise that does not hold, in words."""
    events = ground.rows(EVENTS)
    orders = {ref: row for ref, *row in ground.rows(ORDERS)}
    return [
        *_log(events, orders),
        *_acknowledged(ground.folder, orders),
        *_outbox(events, dict(ground.rows(MESSAGES))),
        *_witness(ground.folder, events),
        *(words for follower in followers for words in _follower(follower, orders)),
    ]


def _log(events, orders):
    if [position for position, *_ in events] != list(range(1, len(events) + 1)):
        yield "positions are not 1..n"
    for ref, (last, *_) in orders.items():
        versions = [version for _, stream, version, _ in events if stream == f"order/{ref}"]
        if versions != list(range(1, last + 1)):
            yield f"{ref}: versions in the order of positions are {versions}, the order says {last}"


def _acknowledged(folder, orders):
    """What a writer was told is committed."""
    highest = Counter()
    for line in (folder / "acks").read_text().splitlines():
        ref, version = line.split()
        highest[ref] = max(highest[ref], int(version))
    for ref, version in highest.items():
        if orders[ref][0] < version:
            yield f"{ref}: version {version} was acknowledged, the order has {orders[ref][0]}"


def _outbox(events, messages):
    wanted = {position: 1 for position, _, _, type_ in events if type_ in SAID}
    if messages != wanted:
        lost, twice = wanted.keys() - messages.keys(), [at for at, count in messages.items() if count > 1]
        yield f"webhook messages: lost {sorted(lost)[:5]}, twice {twice[:5]}, strange {len(messages) - len(wanted)}"


def _witness(folder, events):
    """A reader hears each event at least once, and the first times in order within each stream."""
    heard = [tuple(line.split()) for line in (folder / "witness").read_text().splitlines()]
    positions = {int(position) for position, *_ in heard}
    if lost := {position for position, *_ in events} - positions:
        yield f"the witness did not hear {sorted(lost)[:5]} ({len(lost)})"
    last = Counter()
    for _, stream, version in heard:
        if int(version) > last[stream] + 1:
            yield f"the witness heard {stream} {version} after {last[stream]}"
        last[stream] = max(last[stream], int(version))


def _follower(follower, orders):
    yield from (f"{follower.name} was refused: {frame}" for frame in follower.refusals[:1])
    newest = {}
    for line, topic, kind, version, position in follower.heard:
        before = newest.get((line, topic), 0)
        if kind != "snapshot" and position <= before:
            yield f"{follower.name}: {topic} position {position} twice or late on one line"
        newest[line, topic] = max(before, position)
        if version and version < newest.get(topic, 0) and kind == "snapshot":
            yield f"{follower.name}: {topic} went back to {version}"
        newest[topic] = max(newest.get(topic, 0), version)
    for topic, (version, state) in follower.shown.items():
        if topic.startswith("order/"):
            last, *words = orders[topic.partition("/")[2]]
            if (version, [state.get("status"), state.get("paymentStatus")]) != (last, words):
                yield f"{follower.name} shows of {topic} {version} {state.get('status')}, true is {last} {words}"
        else:
            shown = {ref: entry["version"] for ref, entry in state.get("orders", {}).items()}
            true = {ref: row[0] for ref, row in orders.items()}
            if shown != true:
                yield f"{follower.name} shows of {topic} {shown}, true is {true}"


def twice_over_lines(followers):
    """How often an event frame came again on another line: allowed for a cursor, which is a lower bound."""
    count = 0
    for follower in followers:
        seen = Counter((topic, position) for _, topic, kind, _, position in follower.heard if kind != "snapshot")
        count += sum(times - 1 for times in seen.values())
    return count
