"""Receives a large upload straight into the folder where imports wait, in pieces, and stops at the limit.

Nothing plain lands in a shared temporary folder; the file is readable by us alone. Used by the card-key page.
"""

from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from config.ground import ids
from orders.services.keyfile import MOST_BYTES, folder


class SpooledFile(UploadedFile):
    """What arrived, lying at `path`."""

    def __init__(self, path: Path, name: str, size: int) -> None:
        super().__init__(None, name, "text/plain", size)
        self.path = path


class SpoolHandler(FileUploadHandler):
    """Writes the one file of a form to disk as it arrives; a second file, or more than MOST_BYTES, ends the upload."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.path: Path | None = None
        self.is_too_large = False
        self._out: BinaryIO | None = None

    def new_file(self, *args: Any, **rest: Any) -> None:
        """Open the file that takes the pieces."""
        super().new_file(*args, **rest)
        if self.path is not None:
            raise StopUpload(connection_reset=False)
        self.path = folder() / f"{ids.new_id('up')}.part"
        self.path.touch(mode=0o600)
        self._out = self.path.open("wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write one piece."""
        if start + len(raw_data) > MOST_BYTES:
            self.is_too_large = True
            self.discard()
            raise StopUpload(connection_reset=False)
        if self._out:
            self._out.write(raw_data)

    def file_complete(self, file_size: int) -> SpooledFile | None:
        """Hand the whole file over; an empty field hands over nothing."""
        if self._out is None or self.path is None:
            return None
        self._out.close()
        if not self.file_name:
            self.discard()
            return None
        return SpooledFile(self.path, self.file_name, file_size)

    def upload_interrupted(self) -> None:
        """The sender hung up."""
        self.discard()

    def discard(self) -> None:
        """Close and delete what there is."""
        if self._out:
            self._out.close()
        if self.path:
            self.path.unlink(missing_ok=True)
