"""What a log line may say."""

import json
import logging

import pytest
import structlog

from config import logs


@pytest.fixture
def line():
    """Log through the real formatter; returns the JSON object of the line."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=logs.SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )

    def write(message):
        record = logging.LogRecord("orders", logging.WARNING, __file__, 1, message, (), None)
        return json.loads(formatter.format(record))

    return write


def test_a_line_is_one_json_object_with_time_and_level(line):
    told = line("the gateway is slow")
    assert told["event"] == "the gateway is slow"
    assert told["level"] == "warning"
    assert told["timestamp"].endswith("Z")


@pytest.mark.parametrize("secret", ["call 13800132071 back", "key lk_abcdefghijklmnopqrstuvwxyz0123 refused"])
def test_phones_and_keys_are_masked_wherever_they_stand(line, secret):
    told = line(secret)
    assert "13800132071" not in told["event"]
    assert "lk_abc" not in told["event"]
    assert logs.HIDDEN in told["event"]


@pytest.mark.parametrize("name", ["password", "X-Api-Key", "webhook_secret", "Authorization", "phone"])
def test_what_is_secret_by_name_is_blank(name):
    assert logs.hide(None, "info", {name: "open sesame", "order": "ord_1"}) == {name: logs.HIDDEN, "order": "ord_1"}


def test_a_trace_bound_to_the_request_is_told(line):
    with structlog.contextvars.bound_contextvars(trace="abc"):
        assert line("hello")["trace"] == "abc"
