"""Every block of code in the documentation does what it says."""

import pytest

from pages.blocks import blocks, pages
from pages.languages import refusal

BLOCKS = [(page, number) for page in map(blocks, pages()) for number in range(len(page))]


@pytest.mark.parametrize(("page", "number"), BLOCKS, ids=[str(page[n]) for page, n in BLOCKS])
def test_a_block_does_what_it_says(page, number, ask):
    refused = refusal(page, number, ask)
    if refused:
        pytest.fail(refused, pytrace=False)
