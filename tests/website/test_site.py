"""The documentation builds as a site, without a broken link."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    ended = build(folder)
    assert ended.returncode == 0, ended.stderr
    return folder


def build(folder: Path, config: Path = ROOT / "mkdocs.yml"):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", config, "-d", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_page_of_the_documentation_is_a_page_of_the_site(site):
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 15
    for page in pages:
        where = site if page.name == "index.md" else site / page.with_suffix("")
        assert (where / "index.html").is_file()


def test_the_chart_s_values_and_the_changelog_are_there_too(site):
    for page in ("charts/tracedmodel-operator", "CHANGELOG", "CONTRIBUTING"):
        assert (site / page / "index.html").is_file()


def test_the_examples_that_pages_name_can_be_downloaded(site):
    given = (site / "examples" / "minilm.yaml").read_text(encoding="utf-8")
    assert given == (ROOT / "examples" / "minilm.yaml").read_text(encoding="utf-8")


def test_the_site_asks_no_other_host_for_anything(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.g" not in text
    assert 'src="http' not in text


@pytest.mark.parametrize("link", ["nowhere.md", "other.md#no-such-section", "../no/such/file.yaml"])
def test_a_broken_link_fails_the_build(tmp_path, link):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(f"# Home\n\nSee [it]({link}) and [other](other.md).\n")
    (docs / "other.md").write_text("# Other\n")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    config = tmp_path / "mkdocs.yml"
    hook = f"hooks: [{ROOT / 'website' / 'hooks.py'}]"
    kept = settings.partition("\nnav:")[0].replace("hooks: [website/hooks.py]", hook)
    config.write_text(kept.replace("omitted_files: warn", "omitted_files: ignore"))
    ended = build(tmp_path / "site", config)
    assert ended.returncode == 1
    assert link.partition("#")[0] in ended.stderr
