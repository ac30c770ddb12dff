"""What makes the repository's Markdown a site: pages from beside docs/, and links that lead out of docs/."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "charts/tracedmodel-operator/README.md")
"""Pages of the site beside those in docs/, by their place in the repository, which is their place in the site too."""

_LINK = re.compile(r"(?<=\]\()[^)#\s]+")
_FILE_NAME = re.compile(r'(?P<tag><a href="(?P<target>[^"#:]*)[^"]*">)[\w./-]+\.md</a>')


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from beside docs/, and the examples, so that a link to one gives the file."""
    for path in [*PAGES, *_examples()]:
        files.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let the links of a page that are meant for the repository lead to the site, or back to the repository."""
    source = page.file.src_uri if page.file.src_uri in PAGES else f"docs/{page.file.src_uri}"
    known = {file.src_uri for file in files}
    return relinked(markdown, source, known, lambda path: f"{config.repo_url}/tree/main/{path}")


def on_env(env: Environment, *, config: MkDocsConfig, files: Files) -> Environment:  # noqa: ARG001  # the hook's signature
    """Call pages in links by their titles, where the repository has the names of files."""
    pages = [file.page for file in files.documentation_pages() if file.page]
    titles = {page.url: str(page.title) for page in pages}
    for page in pages:
        page.content = titled(page.content or "", page.url, titles)
    return env


def titled(html: str, url: str, titles: Mapping[str, str]) -> str:
    """Return the content of the page at ``url`` with titles for the names of files as the text of links."""

    def name(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(url, match["target"]))
        title = titles.get("" if target == "." else f"{target}/")
        return match[0] if title is None else f"{match['tag']}{title}</a>"

    return _FILE_NAME.sub(name, html)


def relinked(
    markdown: str, source: str, known: Collection[str], elsewhere: Callable[[str], str]
) -> str:
    """Return a page whose links name places in the site.

    ``source`` is the page's place in the repository, ``known`` the places in the site, and ``elsewhere``
    gives the address of what is in the repository alone.
    """
    here = posixpath.dirname(_in_site(source))

    def link(match: re.Match[str]) -> str:
        target = match[0]
        if ":" in target:
            return target
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if _in_site(path) in known:
            return posixpath.relpath(_in_site(path), here or ".")
        return elsewhere(path) if (ROOT / path).exists() else target

    return _LINK.sub(link, markdown)


def _in_site(path: str) -> str:
    return path.removeprefix("docs/")


def _examples() -> list[str]:
    found = (ROOT / "examples").rglob("*.*")
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.suffix != ".pyc")
