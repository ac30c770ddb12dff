"""Links and titles of the site's pages."""

import pytest

from hooks import relinked, titled

SITE = {
    "install.md",
    "quick-start/kind.md",
    "examples/minilm.yaml",
    "charts/tracedmodel-operator/README.md",
    "CHANGELOG.md",
}


def link_of(source: str, target: str) -> str:
    page = relinked(f"see [it]({target}).", source, SITE, lambda path: f"https://host/{path}")
    return page.removeprefix("see [it](").removesuffix(").")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("docs/install.md", "quick-start/kind.md", "quick-start/kind.md"),
        ("docs/quick-start/kind.md", "../install.md#images", "../install.md#images"),
        ("docs/install.md", "../examples/minilm.yaml", "examples/minilm.yaml"),
        ("docs/quick-start/kind.md", "../../CHANGELOG.md", "../CHANGELOG.md"),
        ("charts/tracedmodel-operator/README.md", "../../docs/install.md", "../../install.md"),
        ("CHANGELOG.md", "docs/install.md", "install.md"),
    ],
)
def test_a_link_leads_to_the_page_of_the_site(source, target, expected):
    assert link_of(source, target) == expected


def test_a_link_to_what_the_site_does_not_have_leads_to_the_repository():
    assert link_of("docs/install.md", "../config/default") == "https://host/config/default"


def test_a_link_to_nothing_is_left_for_the_build_to_refuse():
    assert link_of("docs/install.md", "../nothing.yaml") == "../nothing.yaml"


@pytest.mark.parametrize("target", ["https://example.org/a", "#images", "mailto:a@example.org"])
def test_other_links_stay(target):
    assert link_of("docs/install.md", target) == target


def test_a_file_s_name_as_a_link_s_text_becomes_the_title():
    html = '<a href="../operations/#settings">operations.md</a> <a href="../..">index.md</a>'
    titles = {"operations/": "Operating", "": "Home"}
    assert titled(html, "install/", titles | {"install/": "Installing"}) == (
        '<a href="../operations/#settings">Operating</a> <a href="../..">index.md</a>'
    )
    assert titled('<a href="..">index.md</a>', "install/", titles) == '<a href="..">Home</a>'


def test_other_texts_of_links_stay():
    html = '<a href="../operations/">how to run it</a> <a href="https://x.org/a.md">a.md</a>'
    assert titled(html, "install/", {"operations/": "Operating"}) == html
