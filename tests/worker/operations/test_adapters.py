"""LoRA adapters as their library writes them, put into the weights they belong to."""

import pytest
import torch
from torch import Tensor

from kinscape.worker.inputs.undefined import Undefined
from kinscape.worker.operations.adapters import difference, merged

DRAW = torch.Generator().manual_seed(0)
HOW = {"alpha": 16.0, "rank_stabilised": False, "transposed": False}


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=DRAW)


BASE = {
    "model.layers.0.self_attn.q_proj.weight": randn(6, 8),
    "model.layers.10.self_attn.q_proj.weight": randn(6, 8),
    "model.norm.weight": randn(8),
    "lm_head.weight": randn(5, 8),
}
A, B = randn(2, 8), randn(6, 2)
ROOM = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize("middle", ["", ".default"])
@pytest.mark.parametrize("stabilised", [False, True])
def test_an_adapter_is_added_with_its_scale(middle: str, stabilised: bool) -> None:  # noqa: FBT001
    adapter = {f"{ROOM}.lora_A{middle}.weight": A, f"{ROOM}.lora_B{middle}.weight": B}
    out = merged(BASE, adapter, **HOW | {"rank_stabilised": stabilised})
    scale = 16 / (2**0.5 if stabilised else 2)
    q = "model.layers.0.self_attn.q_proj.weight"
    torch.testing.assert_close(out[q], BASE[q] + scale * B @ A)
    assert all(torch.equal(out[n], w) for n, w in BASE.items() if n != q)
    assert out[q].dtype == BASE[q].dtype


def test_names_of_wrappers_on_either_side_are_seen_through() -> None:
    """Layer 0 is not layer 10, and what stands before the names of either file does not matter."""
    short = {n.removeprefix("model."): w for n, w in BASE.items()}
    adapter = {f"{ROOM}.lora_A.weight": A, f"{ROOM}.lora_B.weight": B}
    out = merged(short, adapter, **HOW)
    assert not torch.equal(out["layers.0.self_attn.q_proj.weight"], short["layers.0.self_attn.q_proj.weight"])
    stripped = {n.removeprefix("base_model.model.model."): w for n, w in adapter.items()}
    assert torch.equal(merged(BASE, stripped, **HOW)[next(iter(BASE))], out["layers.0.self_attn.q_proj.weight"])


def test_matrices_kept_transposed_are_told_by_whoever_merges() -> None:
    base = {"c_attn.weight": randn(8, 6)}
    adapter = {"c_attn.lora_A.weight": A, "c_attn.lora_B.weight": B}
    with pytest.raises(Undefined, match=r"the base keeps it transposed \(fan_in_fan_out\)"):
        merged(base, adapter, **HOW)
    out = merged(base, adapter, **HOW | {"transposed": True})
    torch.testing.assert_close(out["c_attn.weight"], base["c_attn.weight"] + 8 * (B @ A).mT)


def test_modules_trained_whole_replace_theirs() -> None:
    head = randn(5, 8)
    adapter = {
        f"{ROOM}.lora_A.weight": A,
        f"{ROOM}.lora_B.weight": B,
        "base_model.model.lm_head.modules_to_save.default.weight": head,
    }
    assert torch.equal(merged(BASE, adapter, **HOW)["lm_head.weight"], head)


@pytest.mark.parametrize(
    ("adapter", "sentence"),
    [
        ({"a.weight": A}, "no LoRA adapter"),
        ({f"{ROOM}.lora_A.weight": A}, "no LoRA adapter"),
        ({f"{ROOM}.lora_A.weight": A, f"{ROOM}.lora_B.weight": B.mT}, "cannot be multiplied"),
        ({f"{ROOM}.lora_A.weight": A[:, :7], f"{ROOM}.lora_B.weight": B}, r"has the shape \(6, 7\), model.layers.0"),
        ({"other.lora_A.weight": A, "other.lora_B.weight": B}, "other.weight of the adapter is not in the base"),
        ({"q_proj.lora_A.weight": A, "q_proj.lora_B.weight": B}, "q_proj.weight of the adapter fits model.layers.0"),
        ({f"{ROOM}.lora_magnitude_vector": A[0]}, "which is no plain LoRA"),
        ({f"{ROOM}.lora_A.weight": A, f"{ROOM}.lora_B.weight": B, f"{ROOM}.lora_B.bias": A[0]}, "no plain LoRA"),
        (
            {f"{ROOM}.lora_{f}.{n}.weight": w for f, w in (("A", A), ("B", B)) for n in ("default", "other")},
            r"several adapters \(default, other\)",
        ),
        (
            {f"{r}.{ROOM}.lora_{f}.weight": w for f, w in (("A", A), ("B", B)) for r in ("model", "net")},
            "both fit model.layers.0.self_attn.q_proj.weight",
        ),
        (
            {"base_model.model.vision.norm.lora_A.weight": A, "base_model.model.vision.norm.lora_B.weight": B},
            "vision.norm.weight of the adapter is not in the base",
        ),
        ({f"{ROOM}.lora_A.weight": A, f"{ROOM}.lora_B.weight": B, "lm_head.weight": A}, r"lm_head.weight has \(5, 8\)"),
    ],
)
def test_what_does_not_fit_is_told(adapter: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(Undefined, match=sentence):
        merged(BASE, adapter, **HOW)


def test_a_difference_is_what_tuning_changed() -> None:
    adapter = {f"{ROOM}.lora_A.weight": A, f"{ROOM}.lora_B.weight": B}
    out = difference(merged(BASE, adapter, **HOW), BASE)
    assert list(out) == ["model.layers.0.self_attn.q_proj.weight"]
    torch.testing.assert_close(next(iter(out.values())), 8 * B @ A, atol=1e-5, rtol=1e-5)
    with pytest.raises(Undefined, match="the same weights"):
        difference(BASE, BASE)
    with pytest.raises(Undefined):
        difference(BASE, adapter)
