"""Where the files lie: a folder, or a bucket that speaks S3. A name never gets other contents, so files may be kept.

Both put a file in one step: it is there whole or not at all.
"""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import S3Store

WAIT = timedelta(seconds=10)  # for one request
CONNECT = timedelta(seconds=3)
AGAIN_FOR = timedelta(seconds=8)  # after which a failed request is not tried again by the client itself
AGAIN = 2
STATUS = re.compile(r"status code: (\d{3})")  # in what obstore says of an answer that was no


class StoreAway(Exception):
    """The store did not do it; the message says what a person can do about it, and names no secret."""


class Store(Protocol):
    """What the export needs."""

    def put(self, name: str, path: Path) -> None:
        """Store a local file under a name, replacing what may be there. Raises StoreAway."""

    def get(self, name: str, path: Path) -> None:
        """Copy a file to a local path. Raises StoreAway."""

    def delete(self, name: str) -> None:
        """Delete a file; it may be gone already. Raises StoreAway."""

    def names(self) -> Iterator[str]:
        """Every Parquet file that is there. Raises StoreAway."""

    def local(self, name: str) -> Path | None:
        """Where the file lies on this machine; None for a store that is elsewhere."""


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, path: Path) -> None:
        """Write beside, to the disk, then rename."""
        target = self.root / name
        beside = target.with_name(f".{target.name}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside)
            _to_disk(beside)
            beside.replace(target)
            _to_disk(target.parent)
        except OSError as error:
            raise StoreAway(f"{target}: {error.strerror}") from error

    def get(self, name: str, path: Path) -> None:
        """Copy it."""
        try:
            shutil.copyfile(self.root / name, path)
        except OSError as error:
            raise StoreAway(f"{self.root / name}: {error.strerror}") from error

    def delete(self, name: str) -> None:
        """Unlink it."""
        try:
            (self.root / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreAway(f"{self.root / name}: {error.strerror}") from error

    def names(self) -> Iterator[str]:
        """Look through the folders of days."""
        for path in sorted(self.root.glob("day=*/*.parquet")):
            yield path.relative_to(self.root).as_posix()

    def local(self, name: str) -> Path | None:
        """It lies here."""
        return self.root / name


class Bucket:
    """`s3://bucket/prefix`; endpoint, region and keys as given."""

    def __init__(self, url: str, *, endpoint: str = "", region: str = "", key: str = "", secret: str = "") -> None:
        parts = urlsplit(url)
        self.bucket, self.at = parts.netloc, endpoint or "S3"
        config = {"endpoint": endpoint, "region": region or "us-east-1"}
        config |= {"access_key_id": key, "secret_access_key": secret}
        self._store = S3Store(
            self.bucket,
            prefix=parts.path.strip("/") or None,
            client_options={"timeout": WAIT, "connect_timeout": CONNECT, "allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": AGAIN, "retry_timeout": AGAIN_FOR},
            config={name: value for name, value in config.items() if value},  # type: ignore[arg-type]
        )

    def put(self, name: str, path: Path) -> None:
        """One PUT, or one multipart upload that appears when it is completed."""
        try:
            obstore.put(self._store, name, path)
        except Exception as error:  # obstore's own, and what Python has for a broken line
            raise self._words(error) from error

    def get(self, name: str, path: Path) -> None:
        """Stream it into the path."""
        try:
            with path.open("wb") as target:
                for piece in obstore.get(self._store, name):
                    target.write(piece)
        except Exception as error:
            raise self._words(error, name) from error

    def delete(self, name: str) -> None:
        """S3 says yes to deleting what is not there."""
        try:
            obstore.delete(self._store, name)
        except exceptions.NotFoundError:
            return
        except Exception as error:
            raise self._words(error) from error

    def names(self) -> Iterator[str]:
        """List the bucket below the prefix."""
        try:
            for page in obstore.list(self._store):
                yield from (one["path"] for one in page if one["path"].endswith(".parquet"))
        except Exception as error:
            raise self._words(error) from error

    def local(self, name: str) -> Path | None:
        """It lies elsewhere."""
        del name
        return None

    def _words(self, error: Exception, name: str = "") -> StoreAway:
        """Say it so that whoever runs this knows what to look at; the library's text may hold a signed address."""
        text = str(error)
        if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
            return StoreAway(f"{self.at} refuses these keys for the bucket {self.bucket}: look at LOCKSTEP_S3_KEY.")
        if "NoSuchBucket" in text:
            return StoreAway(f"{self.at} has no bucket named {self.bucket}: make it, or change LOCKSTEP_ANALYTICS_URL.")
        if isinstance(error, exceptions.NotFoundError | FileNotFoundError):
            return StoreAway(f"{name or 'a file'} is not in the bucket {self.bucket}, although it was written.")
        if "kind: Timeout" in text:
            return StoreAway(f"{self.at} did not answer within {WAIT.total_seconds():g} seconds.")
        if status := STATUS.search(text):
            return StoreAway(f"{self.at} failed (status {status[1]}).")
        return StoreAway(f"{self.at} cannot be reached.")


def open_store(url: str, *, endpoint: str = "", region: str = "", key: str = "", secret: str = "") -> Store:
    """The store of an address: `s3://bucket/prefix`, or the path of a folder."""
    if url.startswith("s3://"):
        return Bucket(url, endpoint=endpoint, region=region, key=key, secret=secret)
    return Folder(Path(url.removeprefix("file://")))


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
