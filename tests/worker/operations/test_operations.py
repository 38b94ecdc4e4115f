"""Each operation against its definition."""

import pytest
import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.operations.matrices import of_layers
from kinscape.worker.operations.mixing import averaged, with_layers_of
from kinscape.worker.operations.pruning import pruned
from kinscape.worker.operations.quantising import quantised


def weights(seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """A small network with batch normalisation."""
    torch.manual_seed(seed)
    return {
        "0.weight": torch.randn(8, 4, 3, 3).to(dtype),
        "1.weight": torch.randn(8).to(dtype),
        "1.running_mean": torch.randn(8).to(dtype),
        "1.num_batches_tracked": torch.tensor(7),
        "2.weight": (5 * torch.randn(10, 8)).to(dtype),
        "2.bias": torch.randn(10).to(dtype),
    }


def zeros(found: dict[str, Tensor]) -> list[int]:
    return [int((found[n] == 0).sum()) for n in ("0.weight", "2.weight")]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.937, 1.0])
def test_exactly_the_share_is_pruned_and_nothing_but_matrices(share: float) -> None:
    before = weights()
    after = pruned(before, share=share, per_layer=False, at_random=False, seed=0)
    assert sum(zeros(after)) == round(share * (8 * 4 * 9 + 80))
    for name in ("1.weight", "1.running_mean", "2.bias", "1.num_batches_tracked"):
        assert after[name] is before[name]
    left = torch.cat([after[n].abs().flatten() for n in ("0.weight", "2.weight")])
    gone = torch.cat([before[n].abs().flatten() for n in ("0.weight", "2.weight")])[left == 0]
    if 0 < share < 1:
        assert gone.max() <= left[left > 0].min()


def test_layer_by_layer_each_matrix_loses_the_share() -> None:
    assert zeros(pruned(weights(), share=0.5, per_layer=True, at_random=False, seed=0)) == [144, 40]
    whole = zeros(pruned(weights(), share=0.5, per_layer=False, at_random=False, seed=0))
    # The second matrix is five times as large.
    assert whole[0] > 144


def test_chance_is_the_same_for_the_same_seed_alone() -> None:
    def masks(seed: int) -> Tensor:
        return pruned(weights(), share=0.5, per_layer=True, at_random=True, seed=seed)["2.weight"] == 0

    assert torch.equal(masks(1), masks(1))
    assert not torch.equal(masks(1), masks(2))
    size = weights()["2.weight"].abs()
    # By chance, large entries go as often as small ones.
    assert size[masks(1)].mean() == pytest.approx(float(size.mean()), rel=0.4)


def test_equal_entries_are_pruned_to_the_share_too() -> None:
    ones = {"a.weight": torch.ones(10, 10)}
    found = pruned(ones, share=0.3, per_layer=False, at_random=False, seed=0)
    assert int((found["a.weight"] == 0).sum()) == 30


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("per_tensor", [True, False])
def test_few_values_are_left_and_the_largest_stays(bits: int, *, per_tensor: bool) -> None:
    before = weights()
    after = quantised(before, bits=bits, per_tensor=per_tensor)["2.weight"]
    channels = after.flatten()[None] if per_tensor else after
    for row in channels:
        assert len(row.unique()) <= 2**bits - 1
    assert after.abs().max() == pytest.approx(float(before["2.weight"].abs().max()), rel=1e-6)
    step = before["2.weight"].abs().amax() / (2 ** (bits - 1) - 1)
    assert (after - before["2.weight"]).abs().max() <= step / 2 + 1e-6


def test_a_channel_of_zeros_stays_one_and_halves_stay_halves() -> None:
    some = weights(dtype=torch.float16)
    some["2.weight"][3] = 0
    after = quantised(some, bits=4, per_tensor=False)
    assert after["2.weight"].dtype == torch.float16
    assert torch.equal(after["2.weight"][3], torch.zeros(8, dtype=torch.float16))
    assert bool(after["2.weight"].isfinite().all())


def test_a_mean_is_a_mean_and_counts_are_the_firsts() -> None:
    a, b = weights(0), weights(1)
    middle = averaged([a, b], [0.5, 0.5])
    assert torch.allclose(middle["2.weight"], (a["2.weight"] + b["2.weight"]) / 2)
    assert torch.allclose(middle["1.running_mean"], (a["1.running_mean"] + b["1.running_mean"]) / 2)
    assert int(middle["1.num_batches_tracked"]) == 7
    assert torch.equal(averaged([a, b], [1.0, 0.0])["2.weight"], a["2.weight"])
    assert torch.allclose(averaged([a, b], [2.0, -1.0])["2.bias"], 2 * a["2.bias"] - b["2.bias"])


def test_other_architectures_are_not_mixed() -> None:
    other = {**weights(), "3.weight": torch.ones(2, 2)}
    for mix in (lambda: averaged([weights(), other], [0.5, 0.5]), lambda: with_layers_of(weights(), other, ["2"])):
        with pytest.raises(Undefined, match=r"different architectures: 3\.weight"):
            mix()


def test_a_reset_takes_whole_layers() -> None:
    a, b = weights(0), weights(1)
    after = with_layers_of(a, b, ["1", "2"])
    assert torch.equal(after["0.weight"], a["0.weight"])
    for name in ("1.weight", "1.running_mean", "2.weight", "2.bias"):
        assert torch.equal(after[name], b[name])


def test_a_layer_is_found_with_what_is_inside_it() -> None:
    nested = {"layer1.0.weight": torch.ones(1), "layer1.1.weight": torch.ones(1), "layer10.weight": torch.ones(1)}
    assert of_layers(nested, ["layer1"]) == ["layer1.0.weight", "layer1.1.weight"]
    with pytest.raises(Undefined, match=r"no layer 'layer2' with weights; there are layer1\.0"):
        of_layers(nested, ["layer2"])
