"""Hashes that tell tensors apart, and sketches that tell how far weights lie from each other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kinscape.backend.contracts.fingerprints import HASH_BYTES, SKETCH_WIDTH
from kinscape.worker.engine.fingerprints import hash_of, look


def sketch(path: Path) -> np.ndarray:
    return np.frombuffer(look(path).fingerprint.sketch, "<f4").astype(float)


def test_distances_of_sketches_are_those_of_the_weights(tmp_path: Path) -> None:
    """Without bias, to sqrt(2 / width) of the square: a deviation of 4.4 % of the distance."""
    ratios = []
    for seed in range(40):
        torch.manual_seed(seed)
        first = {f"w{k}": torch.randn(60, 50) for k in range(3)}
        # Of low rank, as an update is: columns of one factor must not add up.
        second = {n: w + torch.randn(60, 1) @ torch.randn(1, 50) for n, w in first.items()}
        for name, state in (("a", first), ("b", second)):
            save_file(state, tmp_path / name)
        true = sum(float((first[n] - second[n]).square().sum()) for n in first) ** 0.5
        ratios.append(float(np.linalg.norm(sketch(tmp_path / "a") - sketch(tmp_path / "b"))) / true)
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)
    assert np.std(ratios) < 2 * (2 / SKETCH_WIDTH) ** 0.5 / 2


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.float8_e4m3fn])
def test_hashes_tell_type_shape_and_bytes(kind: torch.dtype) -> None:
    one = torch.ones(2, 3).to(kind)
    assert hash_of(one) == hash_of(one.clone()) and len(hash_of(one)) == HASH_BYTES
    assert hash_of(one) != hash_of(torch.ones(3, 2).to(kind))
    assert hash_of(one) != hash_of(torch.zeros(2, 3).to(kind))
    assert hash_of(torch.ones(2, 3)) != hash_of(torch.ones(2, 3, dtype=torch.float64))
    assert hash_of(torch.tensor(1).to(kind)) != hash_of(torch.ones(1).to(kind))


def test_values_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    save_file({"w": torch.tensor([1.0, float("nan"), float("inf")]), "n": torch.tensor([3])}, tmp_path / "a")
    assert look(tmp_path / "a").non_finite == 2
    assert np.isfinite(sketch(tmp_path / "a")).all()
