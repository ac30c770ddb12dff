"""The artifact store: blobs by digest, and graph manifests by fingerprint, in a folder or an object store.

    blobs/sha256/<digest>        bytes, immutable; also the bytes of every manifest
    graphs/<fingerprint>.json    the manifest of the graph that has this fingerprint, created once

Blobs go first, the manifest last and only if there is none, so that a reader sees all of a graph or nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tracedmodel_api.canonical import sha256_hex
from tracedmodel_api.manifest import FORMAT_VERSION, Blob, Document, Graph, Index
from tracedmodel_api.objects import Objects
from tracedmodel_api.report import Failure

_CHUNK = 8 * 2**20
_GRAPH = re.compile(r"graphs/([0-9a-f]{64})\.json")


class Store:
    """A store at a URL: ``file``, ``s3``, ``gs`` or ``az``.

    Every method raises :class:`~tracedmodel_api.report.Failure`: StoreUnreachable where the store does not answer
    or refuses, BlobMissing and BlobCorrupt where it lacks or alters bytes, ManifestInvalid and FormatUnsupported
    where a manifest cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._objects = Objects(url, "StoreUnreachable", create=True)

    def has(self, blob: Blob) -> bool:
        """Tell whether a blob of this digest and size is there; its bytes are not read."""
        return self._objects.size(_blob_path(blob.digest)) == blob.size

    def put(self, data: bytes) -> Blob:
        """Store bytes and return their blob."""
        return self._put(Blob(digest=sha256_hex(data), size=len(data)), data)

    def put_file(self, path: Path) -> Blob:
        """Store a file in parts, without reading it whole, and return its blob."""
        return self._put(blob_of(path), path)

    def _put(self, blob: Blob, data: bytes | Path) -> Blob:
        if not self.has(blob):
            self._objects.write(_blob_path(blob.digest), data)
        return blob

    def check(self, blob: Blob) -> None:
        """Read every byte of a blob and compare it with its digest."""
        for _ in self._stream(blob.digest):
            pass

    def read(self, digest: str) -> bytes:
        """Return the bytes of a small blob, after their digest matched."""
        return b"".join(self._stream(digest))

    def fetch(self, blob: Blob, folder: Path) -> Path:
        """Copy a blob into ``folder`` and return its path; no file appears there before the digest matched."""
        target = folder / blob.digest
        if target.exists():
            return target
        with tempfile.TemporaryDirectory(dir=folder) as room:
            partial = Path(room, blob.digest)
            with partial.open("wb") as file:
                file.writelines(self._stream(blob.digest))
            return partial.replace(target)

    def _stream(self, digest: str) -> Iterator[bytes]:
        """Return a blob in parts; raises after the last one if they do not match the digest."""
        found = hashlib.sha256()
        path = _blob_path(digest)
        try:
            for part in self._objects.stream(path):
                found.update(part)
                yield part
        except FileNotFoundError:
            raise Failure("BlobMissing", f"store {self.url} has no blob {digest}") from None
        if found.hexdigest() != digest:
            raise Failure(
                "BlobCorrupt", f"store {self.url}: the bytes of {path} do not match their digest"
            )

    def graph(self, fingerprint: str) -> Graph | None:
        """Return the graph with this fingerprint, or None if none is published."""
        path = _graph_path(fingerprint)
        try:
            data = self._objects.read(path)
        except FileNotFoundError:
            return None
        graph = parse_graph(data, f"{self.url}: {path}")
        if graph.fingerprint != fingerprint:
            raise Failure(
                "ManifestInvalid",
                f"store {self.url}: {path} is the manifest of {graph.fingerprint}",
            )
        return graph

    def graph_by_digest(self, digest: str) -> Graph:
        """Return the graph whose manifest has this digest."""
        return parse_graph(self.read(digest), f"{self.url}: manifest {digest}")

    def publish(self, graph: Graph) -> Graph:
        """Make a graph visible whose blobs are stored; where another was first, return that one."""
        data = graph.to_bytes()
        self.put(data)
        if self._objects.create(_graph_path(graph.fingerprint), data):
            return graph
        # A winner that was removed meanwhile leaves ours as good as any.
        return self.graph(graph.fingerprint) or graph

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of all published graphs, sorted."""
        names = self._objects.paths("graphs")
        return [found[1] for name in names if (found := _GRAPH.fullmatch(name))]

    def index(self, data: bytes) -> Index:
        """Return the index in bytes that someone trusted handed over."""
        return _parse(Index, data, "the artifact's index")


def blob_of(path: Path) -> Blob:
    """Return the blob that a file would be."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Blob(digest=digest.hexdigest(), size=size)


def parse_graph(data: bytes, where: str) -> Graph:
    """Return the graph manifest in bytes; raises FormatUnsupported or ManifestInvalid, naming ``where``."""
    return _parse(Graph, data, where)


_Document = TypeVar("_Document", bound=Document)


def _parse(kind: type[_Document], data: bytes, where: str) -> _Document:
    try:
        document = json.loads(data)
        version = document["formatVersion"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Failure("ManifestInvalid", f"{where} is not a manifest") from None
    if version != FORMAT_VERSION:
        raise Failure(
            "FormatUnsupported",
            f"{where} has format {version!r}; this version reads {FORMAT_VERSION}",
        )
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Failure("ManifestInvalid", f"{where} is damaged at {place}: {first['msg']}") from None


def _blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _graph_path(fingerprint: str) -> str:
    return f"graphs/{fingerprint}.json"
