"""Tags and lineage from names of files."""

import pytest

from kinscape.client import ClientError
from kinscape.client.file_names import described_by, values_in

# Name, pattern, what each placeholder takes; the browser is held to the same table.
CASES = [
    ("net_seed0_sgd", "net_seed{seed}_{optim}", {"seed": "0", "optim": "sgd"}),
    ("net_seed0_sgd", "net_seed{seed}_{optim}.safetensors", {"seed": "0", "optim": "sgd"}),
    ("sam-3-200", "{group}-{seed}-{step}", {"group": "sam", "seed": "3", "step": "200"}),
    ("sam-3-last", "{group}-{seed}-{step}", None),
    ("a.b(c)", "a.b({x})", {"x": "c"}),
    ("axb(c)", "a.b({x})", None),
    ("net", "", {}),
    ("net", "other", None),
    ("seed0/last", "seed{seed}/last", {"seed": "0"}),
    ("a_b_c", "{x}_{y}", {"x": "a", "y": "b_c"}),
    ("netz", "{x}", {"x": "netz"}),
    ("n-é-1", "n-{x}-1", {"x": "é"}),
]


@pytest.mark.parametrize(("name", "pattern", "values"), CASES)
def test_placeholders_take_what_is_between(name: str, pattern: str, values: dict[str, str] | None) -> None:
    assert values_in(name, pattern) == values


def test_fields_are_fields_and_other_words_tags() -> None:
    about = described_by("sam-3-200", "{group}-{seed}-{step}", run="{group}{seed}", parent="dense-{seed}")
    assert about == {
        "tags": {"seed": "3"},
        "group": "sam",
        "parent": "dense-3",
        "run": "sam3",
        "step": 200,
    }


def test_what_is_typed_counts_more_than_the_name() -> None:
    assert described_by("sam-3", "{group}-{seed}", group="all")["group"] == "all"
    assert described_by("sam-3", "", group="{optim}")["group"] == "{optim}"


def test_a_name_that_does_not_fit_is_told() -> None:
    with pytest.raises(ClientError, match="'net' does not fit the pattern 'other'"):
        described_by("net", "other")
