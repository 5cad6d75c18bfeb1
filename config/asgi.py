"""The live process: `/live` is answered here, and without a proxy every other path is passed to the pages' server."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

# what follows reads models and settings, so Django had to be set up first
from django.conf import settings  # noqa: E402

from config.ground import env  # noqa: E402
from config.live import PEOPLE, TOPICS  # noqa: E402
from config.local.front import front  # noqa: E402
from notifications.live.app import LiveApplication  # noqa: E402

live = LiveApplication(TOPICS, origins=[settings.PUBLIC_URL], people=PEOPLE)
backend = env.text("LOCKSTEP_BACKEND", "")
application = front(live, backend) if backend else live
