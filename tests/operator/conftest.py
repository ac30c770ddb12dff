import pytest


@pytest.fixture
def tiny_model(tmp_path_factory):
    """Build a small seeded BERT for a task and return its folder."""

    def build(task: str):
        import tiny_models  # noqa: PLC0415  # torch is only for the tests that export

        return tiny_models.build(tmp_path_factory.mktemp(task), "bert", task)

    return build
