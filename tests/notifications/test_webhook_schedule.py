"""When a message is tried again: the documented pauses, spread by a fifth, longer when asked, and an end."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.outside.retry_after import seconds_asked
from notifications.webhooks import schedule

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
HOUR = 3_600
DOCUMENTED = [0, 2, 5, 15, 60, 300, 1_800, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
rolls = st.floats(min_value=0, max_value=1)


def test_the_pauses_are_those_of_the_documentation():
    assert list(schedule.BEFORE_TRY) == DOCUMENTED


@given(tries=st.integers(0, 12), roll=rolls)
def test_a_pause_is_spread_by_a_fifth_and_no_more(tries, roll):
    wait = schedule.wait_before(tries, roll)
    assert DOCUMENTED[tries] * 0.8 - 1e-6 <= wait <= DOCUMENTED[tries] * 1.2 + 1e-6


@given(tries=st.integers(13, 1_000), roll=rolls, asked=st.none() | st.floats(0, 1e9))
def test_after_the_last_try_there_is_none(tries, roll, asked):
    assert schedule.wait_before(tries, roll, asked) is None


@given(tries=st.integers(0, 12), roll=rolls, asked=st.floats(0, 1e12))
def test_being_asked_to_wait_makes_it_longer_never_shorter_and_never_endless(tries, roll, asked):
    wait = schedule.wait_before(tries, roll, asked)
    assert wait >= schedule.wait_before(tries, roll)
    assert wait >= min(asked, 24 * HOUR)
    assert wait <= 24 * HOUR * 1.2 + 1e-6


@given(rolls=st.lists(rolls, min_size=13, max_size=13))
def test_a_message_is_tried_thirteen_times_within_four_days_however_the_dice_fall(rolls):
    waits = [schedule.wait_before(tries, roll) for tries, roll in enumerate(rolls)]
    assert None not in waits
    assert timedelta(seconds=sum(waits)) < timedelta(days=4) < schedule.STOP_AFTER


@given(failures=st.integers(0, 100), openings=st.integers(0, 10_000), roll=rolls)
def test_a_host_is_left_alone_only_after_five_failures_and_for_twelve_minutes_at_most(failures, openings, roll):
    pause = schedule.break_after(failures, openings, roll)
    if failures < 5:
        assert pause is None
    else:
        assert 8 - 1e-6 <= pause <= 720 + 1e-6  # seconds; the product of floats


@given(roll=rolls)
def test_each_break_is_at_least_as_long_as_the_one_before(roll):
    pauses = [schedule.break_after(5, openings, roll) for openings in range(12)]
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "120", 120), (503, "0", 0), (503, " 7 ", 7), (429, "999999999999", 24 * HOUR),
        (503, format_datetime(NOW + timedelta(minutes=5), usegmt=True), 300),
        (503, format_datetime(NOW - timedelta(minutes=5), usegmt=True), 0),
        (503, "Fri, 21 Nov 2036 04:00:00 GMT", 24 * HOUR), (503, "21 Nov 2026 04:01:00 -0000", 60),
        (500, "120", None), (202, "120", None), (None, "120", None),
        (429, "", None), (429, "soon", None), (429, "-5", None), (429, "1.5", None), (429, "٣", None),
    ],
)  # fmt: skip
def test_reads_retry_after_where_it_means_something(status, header, seconds):
    assert seconds_asked(status, header, NOW) == seconds


@given(header=st.text(max_size=60))
def test_no_header_breaks_it(header):
    asked = seconds_asked(429, header, NOW)
    assert asked is None or 0 <= asked <= 24 * HOUR
