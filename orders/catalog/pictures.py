"""Pictures that shops upload: never served as sent, always decoded and written anew. Called by orders/services/menu.py.

Re-encoding drops EXIF (place, camera, time) and whatever else a file may hide; the limits come before decoding.
"""

import io
from typing import BinaryIO

from django.core.files.base import ContentFile
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from config.ground.problems import Refusal

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000  # four bytes each while decoding: 160 MB
BOX = (1200, 900)  # pixels; twice the widest place where a good is shown
QUALITY = 82
FORMATS = ("JPEG", "PNG", "WEBP")


class PictureTooLarge(Refusal):
    """More bytes or more pixels than we decode."""

    code = "picture_too_large"
    status = 413
    message = _("The picture is larger than 8 MB or 40 megapixels. Choose a smaller one; the rest is kept.")


class PictureUnreadable(Refusal):
    """Not a picture, or a broken one."""

    code = "picture_unreadable"
    status = 422
    message = _("This file is not a JPEG, PNG or WebP picture that we can read. Choose another; the rest is kept.")


def reencode(upload: BinaryIO, size: int) -> "ContentFile[bytes]":
    """The picture as WebP inside BOX, upright, without metadata. Raises PictureTooLarge, PictureUnreadable."""
    if size > MOST_BYTES:
        raise PictureTooLarge(field="picture")
    try:
        with Image.open(upload, formats=FORMATS) as picture:  # reads the header only
            if picture.width * picture.height > MOST_PIXELS:
                raise PictureTooLarge(field="picture")
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail(BOX)
            has_alpha = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
            plain = upright.convert("RGBA" if has_alpha else "RGB")
            clean = Image.new(plain.mode, plain.size)
            clean.paste(plain)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise PictureUnreadable(field="picture") from error
    out = io.BytesIO()
    clean.save(out, "WEBP", quality=QUALITY)
    return ContentFile(out.getvalue())
