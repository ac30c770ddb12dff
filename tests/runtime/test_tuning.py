import gc

import pytest

from tracedmodel_api.types import Target
from tracedmodel_runtime import tuning
from tracedmodel_runtime.tuning import load_before_torch, tune, without_collection


def test_what_somebody_chose_for_the_libraries_is_left_alone():
    environment = {"OMP_WAIT_POLICY": "ACTIVE", "TOKENIZERS_PARALLELISM": "true"}
    tune(environment)
    assert environment == {"OMP_WAIT_POLICY": "ACTIVE", "TOKENIZERS_PARALLELISM": "true"}


def test_threads_spin_less_and_tokenizers_have_one_thread_by_default():
    environment = {}
    tune(environment)
    assert environment == {"GOMP_SPINCOUNT": "5000", "TOKENIZERS_PARALLELISM": "false"}


@pytest.mark.parametrize(("target", "imported"), [(Target.CPU, []), (Target.INF1, ["tensorflow"])])
def test_the_compiler_s_tensorflow_comes_before_torch_on_inf1_alone(target, imported, monkeypatch):
    asked = []
    monkeypatch.setattr(tuning, "import_module", asked.append)
    load_before_torch(target)
    assert asked == imported


def test_an_image_without_tensorflow_is_no_failure(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(tuning, "import_module", missing)
    load_before_torch(Target.INF1)


@pytest.mark.parametrize("on", [True, False])
def test_garbage_is_looked_for_afterwards_if_it_was_before(on):
    before = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        with without_collection():
            assert not gc.isenabled()
        assert gc.isenabled() is on
    finally:
        (gc.enable if before else gc.disable)()


def test_garbage_is_looked_for_after_an_error_too():
    with pytest.raises(ImportError), without_collection():
        raise ImportError
    assert gc.isenabled()
