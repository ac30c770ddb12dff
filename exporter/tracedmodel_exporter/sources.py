"""Where models come from: the Hub, a folder, or an object store. Only the files that an export needs are fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from tracedmodel_api.canonical import fingerprint
from tracedmodel_api.failures import is_full
from tracedmodel_api.objects import Objects
from tracedmodel_api.report import Failure, shorten
from tracedmodel_api.store import blob_of

CLAIM_ROOT = Path("/models")
"""Where the Job mounts the volume of a pvc:// source."""

_WANTED = re.compile(
    r"[^/]+\.safetensors|[^/]+\.safetensors\.index\.json|config\.json|generation_config\.json|modules\.json"
    r"|sentence_bert_config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json"
    r"|added_tokens\.json|vocab\.(txt|json)|merges\.txt|[^/]+\.(model|spm)|[0-9]+_[A-Za-z]+/(config\.json|[^/]+\.safetensors)"
)
_MESSAGE = 300
_TIMEOUT_SECONDS = 20.0
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class Source(Protocol):
    """The files of one model."""

    def revision(self) -> str:
        """Return what names these very files: the commit, or a digest of all of them."""
        ...

    def folder(self) -> Path:
        """Return a folder of this machine that holds the wanted files."""
        ...


def open_source(url: str, revision: str, scratch: Path) -> Source:
    """Return the source at a URL; a copy, where one is needed, goes into the folder ``scratch``.

    Failures are ModelNotFound, ModelAccessDenied, SourceUnreachable and UnsafeWeights.
    """
    parts = urlsplit(url)
    if parts.scheme == "hf":
        return HubSource(url.removeprefix("hf://"), revision)
    if parts.scheme == "file":
        return FolderSource(Path(unquote(parts.path)))
    if parts.scheme == "pvc":
        return FolderSource(CLAIM_ROOT / parts.path.lstrip("/"))
    return ObjectSource(url, scratch)


def wanted_files(names: list[str], where: str) -> list[str]:
    """Return the names that an export reads, sorted; raises Failure where they make no safe model."""
    wanted = sorted(name for name in names if _WANTED.fullmatch(name))
    if "config.json" not in wanted:
        found = ", ".join(sorted(names)[:8]) or "nothing"
        raise Failure("ModelNotFound", f"{where} has no config.json; found {found}")
    if not any(name.endswith(".safetensors") and "/" not in name for name in wanted):
        pickled = sorted(name for name in names if name.endswith(_PICKLED) and "/" not in name)
        if pickled:
            raise Failure(
                "UnsafeWeights",
                f"{where} has weights only as {', '.join(pickled)}, which are pickled",
            )
        raise Failure("ModelNotFound", f"{where} has no weights: no file ends with .safetensors")
    return wanted


class FolderSource:
    """A model in a folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def revision(self) -> str:
        """Return the digest of the wanted files."""
        files = [path for path in self._path.rglob("*") if path.is_file()]
        if not files:
            raise Failure("ModelNotFound", self._nothing())
        names = [path.relative_to(self._path).as_posix() for path in files]
        wanted = wanted_files(names, f"folder {self._path}")
        try:
            return fingerprint({name: blob_of(self._path / name).digest for name in wanted})
        except OSError as error:
            raise Failure(
                "SourceUnreachable", f"folder {self._path} cannot be read: {error}"
            ) from error

    def _nothing(self) -> str:
        """Return why there is no model here."""
        if not self._path.exists():
            return f"folder {self._path} does not exist"
        if not self._path.is_dir():
            return f"{self._path} is a file: give the folder that it is in"
        return f"there is no model in folder {self._path}: it is empty"

    def folder(self) -> Path:
        """Return the folder itself."""
        return self._path


class ObjectSource:
    """A model below a prefix of an object store, copied here once."""

    def __init__(self, url: str, copy: Path) -> None:
        self._url = url
        self._copy = copy

    def revision(self) -> str:
        """Copy the wanted files and return their digest."""
        objects = Objects(self._url, "SourceUnreachable")
        names = objects.paths()
        if not names:
            raise Failure("ModelNotFound", f"there is nothing at {self._url}")
        for name in wanted_files(names, self._url):
            self._fetch(objects, name)
        return FolderSource(self.folder()).revision()

    def _fetch(self, objects: Objects, name: str) -> None:
        target = self.folder() / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for part in objects.stream(name):
                file.write(part)

    def folder(self) -> Path:
        """Return the folder of the copy."""
        return self._copy


class HubSource:
    """A model of the Hugging Face Hub. Endpoint, token and cache come from the Hub library's own environment."""

    def __init__(self, repository: str, revision: str) -> None:
        self._repository = repository
        self._asked = revision
        self._commit: str | None = None
        self._names: list[str] = []

    def revision(self) -> str:
        """Return the commit that the revision means now; nothing is downloaded."""
        if self._commit is None:
            from huggingface_hub import HfApi  # noqa: PLC0415  # other sources do not pay for it

            with _asking_hub(self._repository, self._asked):
                info = HfApi().model_info(
                    self._repository, revision=self._asked, timeout=_TIMEOUT_SECONDS
                )
            names = [entry.rfilename for entry in info.siblings or []]
            self._names = wanted_files(names, f"hf://{self._repository}")
            self._commit = info.sha or self._asked
        return self._commit

    def folder(self) -> Path:
        """Download the wanted files of the commit and return their folder."""
        from huggingface_hub import hf_hub_download  # noqa: PLC0415  # as above
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415  # as above

        commit = self.revision()
        disable_progress_bars()
        with _asking_hub(self._repository, self._asked):
            # File by file: snapshot_download gives a folder that lacks files if the Hub stops answering.
            paths = {
                name: hf_hub_download(self._repository, name, revision=commit)
                for name in self._names
            }
        return Path(paths["config.json"]).parent


@contextmanager
def _asking_hub(repository: str, revision: str) -> Iterator[None]:
    """Turn the Hub library's errors into ours."""
    from huggingface_hub import errors  # noqa: PLC0415  # as above

    name = f"hf://{repository}"
    try:
        yield
    except errors.GatedRepoError as error:
        message = f"{name} is gated: accept its terms on the Hub and set HF_TOKEN through credentialsSecretName"
        raise Failure("ModelAccessDenied", message) from error
    except errors.RepositoryNotFoundError as error:
        message = f"there is no {name}, or it is private: correct the name, or set HF_TOKEN through credentialsSecretName"
        raise Failure("ModelNotFound", message) from error
    except errors.RevisionNotFoundError as error:
        raise Failure("ModelNotFound", f"{name} has no revision {revision}") from error
    except errors.HFValidationError as error:
        raise Failure("ModelNotFound", f"{name} is no name of a Hub repository") from error
    except errors.LocalEntryNotFoundError as error:
        # Neither cached nor to be had: its cause is what the Hub answered.
        raise _refused(name, error.__cause__ or error) from error
    except Exception as error:
        # The library's HTTP client changed between 0.x (requests) and 2.x (httpx): its errors have no common type,
        # but whatever else fails here failed on the way to the Hub.
        if is_full(error):
            raise
        raise _refused(name, error) from error


def _refused(name: str, error: BaseException) -> Failure:
    response = getattr(error, "response", None)
    status = None if response is None else response.status_code
    if status in (401, 403):
        message = f"the Hub refuses {name} with status {status}: check HF_TOKEN"
        return Failure("ModelAccessDenied", message)
    if status is not None:
        return Failure("SourceUnreachable", f"the Hub answers {status} for {name}")
    if type(error).__name__ == "OfflineModeIsEnabled":
        message = f"{name} is not to be had while HF_HUB_OFFLINE is set: unset it, or give the model as a folder"
        return Failure("SourceUnreachable", message)
    return Failure(
        "SourceUnreachable", f"the Hub does not answer for {name}: {shorten(str(error), _MESSAGE)}"
    )
