"""The artifact store: blobs by digest, and graph manifests by fingerprint, in a folder or an object store.

    blobs/sha256/<digest>        bytes, immutable; also the bytes of every manifest
    graphs/<fingerprint>.json    the manifest of the graph that has this fingerprint, created once

Blobs go first, the manifest last and only if there is none, so that a reader sees all of a graph or nothing of it.
What stands in a store is believed once its bytes were read and matched their digest, never by name and size alone.
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
from tracedmodel_api.document import Document
from tracedmodel_api.manifest import FORMAT_VERSION, Blob, Graph, Index
from tracedmodel_api.objects import Objects
from tracedmodel_api.report import Failure

_CHUNK = 8 * 2**20
_GRAPH = re.compile(r"graphs/([0-9a-f]{64})\.json")


class Store:
    """A store at a URL: ``file``, ``s3``, ``gs`` or ``az``.

    Every method raises :class:`~tracedmodel_api.report.Failure`: StoreUnreachable where the store does not answer
    or refuses, BlobMissing and BlobCorrupt where it lacks or alters bytes, ManifestInvalid and FormatUnsupported
    where a manifest cannot be used. A folder that is not there is made, unless ``create`` is false: then it is
    StoreUnreachable.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self.objects = Objects(url, "StoreUnreachable", create=create)
        self._sound: set[str] = set()
        """Digests of the blobs that this object wrote, or read whole."""
        self.stored_bytes = 0
        """Bytes of the blobs that this object wrote: what was there already is not among them."""

    def has(self, blob: Blob) -> bool:
        """Tell whether a blob of this digest and size is there; its bytes are not read."""
        return self.objects.size(blob_path(blob.digest)) == blob.size

    def put(self, data: bytes) -> Blob:
        """Store bytes and return their blob; what stands there already is kept if it is these very bytes."""
        return self._put(Blob(digest=sha256_hex(data), size=len(data)), data)

    def put_file(self, path: Path) -> Blob:
        """Store a file in parts, without reading it whole, and return its blob; see :meth:`put`."""
        return self._put(blob_of(path), path)

    def _put(self, blob: Blob, data: bytes | Path) -> Blob:
        if not (self.has(blob) and self._matches(blob)):
            self.objects.write(blob_path(blob.digest), data)
            self._sound.add(blob.digest)
            self.stored_bytes += blob.size
        return blob

    def _matches(self, blob: Blob) -> bool:
        try:
            self._check_once(blob)
        except Failure as failure:
            if failure.reason.name not in ("BlobCorrupt", "BlobMissing"):
                raise
            return False
        return True

    def check(self, blob: Blob) -> None:
        """Read every byte of a blob and compare it with its digest."""
        for _ in self._stream(blob.digest):
            pass

    def _check_once(self, blob: Blob) -> None:
        """Check a blob unless this object has written it or read it whole before."""
        if blob.digest not in self._sound:
            self.check(blob)
            self._sound.add(blob.digest)

    def check_manifest(self, graph: Graph) -> None:
        """Refuse a graph that was found by its fingerprint, but is not what was published under it."""
        data = graph.to_bytes()
        blob = Blob(digest=sha256_hex(data), size=len(data))
        try:
            self._check_once(blob)
        except Failure as failure:
            reasons = {"BlobMissing": "ManifestInvalid", "BlobCorrupt": "BlobCorrupt"}
            if failure.reason.name not in reasons:
                raise
            both = f"{graph_path(graph.fingerprint)} and {blob_path(blob.digest)}"
            message = f"store {self.url}: {both} are not the same manifest: remove both"
            raise Failure(reasons[failure.reason.name], message) from None

    def lacking(self, graph: Graph) -> list[Blob]:
        """Return the blobs of a published graph that are not there, having read all others once.

        Raises Failure BlobCorrupt or ManifestInvalid, which name the file that lies.
        """
        try:
            self.check_manifest(graph)
        except Failure:
            if self.graph(graph.fingerprint) == graph:
                raise
            # It is no longer published: a clean-up took its name, and then its bytes.
            return list(graph.blobs())
        return [blob for blob in graph.blobs() if self._lacks(graph, blob)]

    def _lacks(self, graph: Graph, blob: Blob) -> bool:
        try:
            self.demand(graph, blob)
        except Failure as failure:
            if failure.reason.name != "BlobMissing":
                raise
            return True
        return False

    def demand(self, graph: Graph, blob: Blob) -> None:
        """Refuse a blob of a published graph that is missing, corrupt or of another size; read it once at most."""
        size = self.objects.size(blob_path(blob.digest))
        if size != blob.size:
            self._sound.discard(blob.digest)
        self._check_once(blob)
        if size != blob.size:
            path = graph_path(graph.fingerprint)
            message = f"{path} says {blob.size} bytes of blob {blob.digest}, which has {size}"
            raise Failure("ManifestInvalid", f"store {self.url}: {message}")

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
        path = blob_path(digest)
        try:
            # Another exporter may write the same bytes meanwhile; the digest tells of any others.
            for part in self.objects.stream(path, pinned=False):
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
        path = graph_path(fingerprint)
        try:
            data = self.objects.read(path)
        except FileNotFoundError:
            return None
        graph = parse_graph(data, f"store {self.url}: {path}")
        if graph.fingerprint != fingerprint:
            fault = f"is the manifest of {graph.fingerprint}"
        elif graph.to_bytes() != data:
            fault = "was altered: no exporter writes its like"
        else:
            return graph
        raise Failure("ManifestInvalid", f"store {self.url}: {path} {fault}")

    def graph_by_digest(self, digest: str) -> Graph:
        """Return the graph whose manifest has this digest."""
        return parse_graph(self.read(digest), f"{self.url}: manifest {digest}")

    def publish(self, graph: Graph) -> Graph:
        """Make a graph visible whose blobs are stored; where another was first and is whole, return that one."""
        data = graph.to_bytes()
        self.put(data)
        path = graph_path(graph.fingerprint)
        if self.objects.create(path, data):
            return graph
        winner = self.graph(graph.fingerprint)
        if winner is not None and not self.lacking(winner):
            return winner
        # Nobody can use a graph that lacks blobs, nor one that was removed meanwhile; ours has all of its own.
        self.objects.write(path, data)
        return graph

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of all published graphs, sorted."""
        names = self.objects.paths("graphs")
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


def blob_path(digest: str) -> str:
    """Return where a blob stands."""
    return f"blobs/sha256/{digest}"


def graph_path(fingerprint: str) -> str:
    """Return where the manifest of a published graph stands."""
    return f"graphs/{fingerprint}.json"
