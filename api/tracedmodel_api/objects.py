"""Objects at a URL: a folder of this machine, or a bucket of S3, Google Cloud or Azure. The one user of obstore."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, from_url

from tracedmodel_api.report import Failure

_SCHEMES = ("file", "s3", "gs", "az")
_CHUNK = 8 * 2**20
_TIMEOUT = timedelta(seconds=60)
_BACKOFF = {
    "init_backoff": timedelta(milliseconds=100),
    "max_backoff": timedelta(seconds=10),
    "base": 2,
}
_RETRIES = {"max_retries": 5, "retry_timeout": _TIMEOUT, "backoff": _BACKOFF}


@dataclass(frozen=True)
class Entry:
    """An object as a list tells of it."""

    path: str
    size: int
    modified: datetime
    """When its bytes were written last, by the store's clock."""
    version: str | None
    """The store's word for these very bytes, where it has one."""


class Objects:
    """The objects below a URL, by path.

    A missing object is a ``FileNotFoundError``; whatever else the store refuses is Failure with the reason given,
    such as StoreUnreachable. Credentials and endpoints come from the environment, under the names of each cloud.
    """

    def __init__(self, url: str, reason: str, *, create: bool = False) -> None:
        self.url = url
        self._reason = reason
        with self._answering("open it"):
            self._backing = _open(url, create=create)

    @contextmanager
    def _answering(self, what: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError, ValueError) as error:
            line = str(error).strip().partition("\n")[0]
            raise Failure(self._reason, f"{self.url}: cannot {what}: {line}") from error

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            with self._answering(what):
                yield
        except FileNotFoundError as error:
            message = f"{self.url}: cannot {what}: there is no such bucket"
            raise Failure(self._reason, message) from error

    def size(self, path: str) -> int | None:
        """Return the bytes of an object, or None if there is none."""
        try:
            with self._answering(f"look for {path}"):
                return int(obstore.head(self._backing, path)["size"])
        except FileNotFoundError:
            return None

    def read(self, path: str) -> bytes:
        """Return a small object whole."""
        with self._answering(f"read {path}"):
            return bytes(obstore.get(self._backing, path).bytes())

    def stream(self, path: str, *, pinned: bool = True) -> Iterator[bytes]:
        """Return an object in parts of some MiB, each asked for by itself: a slow store has a minute for each.

        ``pinned`` parts are of one version of the object: one that is replaced meanwhile is Failure.
        """
        with self._answering(f"read {path}"):
            found = obstore.head(self._backing, path)
            version = {"if_match": found["e_tag"]} if pinned and found["e_tag"] else {}
            for start in range(0, found["size"], _CHUNK):
                yield self._part(path, start, min(start + _CHUNK, found["size"]), version)

    def _part(self, path: str, start: int, end: int, version: dict[str, str]) -> bytes:
        options: Any = {"range": (start, end), **version}
        try:
            part = bytes(obstore.get(self._backing, path, options=options).bytes())
        except PreconditionError:
            raise OSError("it was replaced while it was read") from None
        if len(part) != end - start:
            raise OSError(f"{len(part)} bytes came of {end - start}")
        return part

    def write(self, path: str, data: bytes | Path) -> None:
        """Store bytes or a file, the latter in parts; a reader sees the whole object or none."""
        with self._writing(f"write {path}"):
            obstore.put(self._backing, path, data)

    def create(self, path: str, data: bytes) -> bool:
        """Store bytes if there is no such object, and tell whether that was so."""
        try:
            with self._writing(f"create {path}"):
                obstore.put(self._backing, path, data, mode="create")
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def paths(self, prefix: str = "") -> list[str]:
        """Return the paths of all objects below a prefix, sorted."""
        return [entry.path for entry in self.entries(prefix)]

    def entries(self, prefix: str = "") -> list[Entry]:
        """Return all objects below a prefix, sorted by path."""
        with self._answering("list it"):
            listing = obstore.list(self._backing, prefix or None)
            found = [_entry(told) for batch in listing for told in batch]
        return sorted(found, key=lambda entry: entry.path)

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; one that is gone is gone."""
        left = list(paths)
        try:
            with self._answering("delete from it"):
                obstore.delete(self._backing, left)
        except FileNotFoundError:
            # A folder stops at the first that is not there.
            for path in left:
                self._delete(path)

    def _delete(self, path: str) -> None:
        try:
            with self._answering(f"delete {path}"):
                obstore.delete(self._backing, path)
        except FileNotFoundError:
            return


def _entry(told: Any) -> Entry:
    return Entry(str(told["path"]), int(told["size"]), told["last_modified"], told["e_tag"])


def _open(url: str, *, create: bool) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or (parts.scheme == "file") == bool(parts.netloc):
        raise Failure(
            "InvalidRequest",
            f"{url}: write file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
        )
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        if not create and not folder.is_dir():
            raise OSError("there is no such folder")
        return LocalStore(folder, mkdir=create)
    # A plain http endpoint is only ever what the environment asks for by name.
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    options: Any = {"allow_http": plain, "timeout": _TIMEOUT}
    retries: Any = _RETRIES
    return from_url(url, client_options=options, retry_config=retries)
