"""JSON in and out of the API: strict, bounded, by orjson."""

from typing import Any

import orjson
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from config.ground.problems import Refusal


class BodyTooLarge(Refusal):
    """More bytes than any body of ours has."""

    code = "body_too_large"
    status = 413
    message = _("The body has {size} bytes; at most {most} are read. Nothing was stored.")


class BodyUnreadable(Refusal):
    """No JSON object."""

    code = "body_unreadable"
    status = 400
    message = _("The body is no JSON object: {reason}")


class JSONRenderer(BaseRenderer):
    """Documents as UTF-8 JSON; problems wear their own media type (orders/api/problems.py)."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        """Encode; nothing (204) stays nothing."""
        del accepted_media_type, renderer_context
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class JSONParser(BaseParser):
    """A JSON object of at most settings.API_BODY_LIMIT bytes."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Decode. Raises BodyTooLarge and BodyUnreadable."""
        del media_type
        request = (parser_context or {}).get("request")
        length = int(request.META.get("CONTENT_LENGTH") or 0) if request is not None else 0
        limit = settings.API_BODY_LIMIT
        if length > limit:
            raise BodyTooLarge(size=length, most=limit)
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge(size=len(raw), most=limit)
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BodyUnreadable(reason=str(error)) from None
        if not isinstance(document, dict):
            raise BodyUnreadable(reason=str(_("it is a list or a single value")))
        return document
