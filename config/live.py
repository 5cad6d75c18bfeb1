"""What can be followed live, and by whom: topic prefix → Topic(may_follow, snapshot, replay)."""

from notifications.live.topics import Topic

TOPICS: dict[str, Topic] = {}
