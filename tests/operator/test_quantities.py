import pytest

from tracedmodel_operator.quantities import canonical, value

# Each as an API server gave back what is on the left.
SPELLINGS = {
    "0": "0",
    "0Gi": "0",
    "4": "4",
    "004": "4",
    "1.": "1",
    ".5": "500m",
    "0.5": "500m",
    "0.50": "500m",
    "1.5": "1500m",
    "1000m": "1",
    "1500m": "1500m",
    "2000m": "2",
    "1000": "1k",
    "1024": "1024",
    "1000000": "1M",
    "1.5k": "1500",
    "1.678k": "1678",
    "100000k": "100M",
    "1.5G": "1500M",
    "1024k": "1024k",
    "1024Mi": "1Gi",
    "1000Mi": "1000Mi",
    "0.5Gi": "512Mi",
    "1.5Gi": "1536Mi",
    "1.5Ki": "1536",
    "0.5Ki": "512",
    "0.1Gi": "107374182400m",
    "1030Ki": "1030Ki",
    "2Ei": "2Ei",
    "1e3": "1e3",
    "1E3": "1e3",
    "1e4": "10e3",
    "10e1": "100",
    "1e-3": "1e-3",
}


@pytest.mark.parametrize("given", SPELLINGS)
def test_a_quantity_is_spelt_as_an_api_server_spells_it(given):
    assert canonical(given) == SPELLINGS[given]


@pytest.mark.parametrize("given", SPELLINGS)
def test_the_spelling_of_a_quantity_changes_neither_its_number_nor_itself(given):
    assert value(given) == value(canonical(given))
    assert canonical(canonical(given)) == canonical(given)


def test_whole_numbers_need_no_quotes():
    assert (canonical(4), canonical(2**30)) == ("4", "1073741824")


def test_a_thousandth_is_the_least_and_rounding_goes_up():
    assert [canonical(q) for q in ("1n", "999u", "1001u", "0.0001")] == ["1m", "1m", "2m", "1m"]


def test_no_quantity_is_more_than_64_bits_hold():
    assert canonical("9999999999999999Ti") == canonical("16Ei") == str(2**63 - 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1Gi", "1073741824", True),
        ("1G", "1Gi", False),
        ("0.5", "500m", True),
        (2, "2000m", True),
        ("1", "1001m", False),
        ("1e3", "1k", True),
    ],
)
def test_quantities_are_compared_by_what_they_mean(one, other, same):
    assert (value(one) == value(other)) is same


def test_a_quantity_has_a_number():
    assert value("1500m") * 2 == 3


@pytest.mark.parametrize("wrong", ["", "Gi", "1 Gi", "1gi", "-1", "1GiB", "four", "1e", "1\n", "٣"])
def test_what_is_no_quantity_is_named(wrong):
    with pytest.raises(ValueError, match="not a quantity"):
        canonical(wrong)
