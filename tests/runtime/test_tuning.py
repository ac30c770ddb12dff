from tracedmodel_runtime.tuning import tune


def test_what_somebody_chose_for_the_libraries_is_left_alone():
    environment = {"OMP_WAIT_POLICY": "ACTIVE", "TOKENIZERS_PARALLELISM": "true"}
    tune(environment)
    assert environment == {"OMP_WAIT_POLICY": "ACTIVE", "TOKENIZERS_PARALLELISM": "true"}


def test_threads_spin_less_and_tokenizers_have_one_thread_by_default():
    environment = {}
    tune(environment)
    assert environment == {"GOMP_SPINCOUNT": "5000", "TOKENIZERS_PARALLELISM": "false"}
