"""Descriptions as training loops produce them become plain values, or a sentence."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from kinscape.client import ClientError
from kinscape.client.upload import plain


def test_numbers_of_numpy_and_torch_become_plain() -> None:
    given = {
        "accuracy": np.float32(0.5),
        "loss": torch.tensor(0.25, requires_grad=True),
        "step": np.int64(7),
        "list": [np.array(1), torch.tensor([1, 2])],
        "path": Path("a/b"),
        3: True,
    }
    found = plain(given, "metrics")
    assert found == {"accuracy": 0.5, "loss": 0.25, "step": 7, "list": [1, [1, 2]], "path": "a/b", "3": True}
    assert type(found["step"]) is int
    assert type(found["accuracy"]) is float


@pytest.mark.parametrize("value", [math.nan, np.float64("inf"), torch.tensor(float("nan"))])
def test_a_number_that_is_none_is_named(value: object) -> None:
    with pytest.raises(ClientError, match=r"metrics\.loss is (nan|inf): leave it out"):
        plain({"loss": value}, "metrics")
