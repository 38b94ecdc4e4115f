"""Families of other libraries as programs: ``python -m benchmarks.families [--library timm] [--only NAME …]``.

The smallest member of every family of torchvision, timm and transformers, with random weights, is exported as the docs
say (docs/checkpoints.md), opened as the server opens an upload, run on another batch size, and held against the module.
The libraries are not among our dependencies: install those to be counted. Nothing is downloaded.
"""

import argparse
import gc
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from benchmarks.programs import opened

T = TypeVar("T")
# Exported with two samples and run with three.
EXPORTED, RUN = 2, 3
# Of outputs of another order of operations; most give the same bits.
MOST_DIFFERENCE = 1e-5
LARGEST = 40_000_000
TOKENS, VOCABULARY, CLASSES = 12, 99, 7
# What makes a model of transformers small, by the names that configurations have for it.
SMALL = {
    "hidden_size": 32,
    "d_model": 32,
    "n_embd": 32,
    "dim": 32,
    "embed_dim": 32,
    "embedding_size": 32,
    "intermediate_size": 48,
    "ffn_dim": 48,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "num_hidden_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "num_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "n_head": 4,
    "n_heads": 4,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "num_labels": CLASSES,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "use_cache": False,
}
# What does not fit the other sizes in some families, tried one after the other.
HEADS = ("head_dim", "num_key_value_heads")
LEFT_OUT: list[tuple[str, ...]] = [
    (),
    ("head_dim",),
    HEADS,
    (*HEADS, "num_attention_heads", "n_head", "n_heads"),
    (*HEADS, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    ("pad_token_id", "bos_token_id", "eos_token_id"),
    tuple(k for k in SMALL if k not in ("num_hidden_layers", "n_layer", "n_layers", "vocab_size", "use_cache")),
    tuple(SMALL),
]


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        make: gives the module and samples of a number.
    """

    library: str
    name: str
    make: Callable[[], tuple[nn.Module, Callable[[int], Tensor]]]


def images(side: int) -> Callable[[int], Tensor]:
    """Random images of a batch size."""
    return lambda count: torch.randn(count, 3, side, side)


def tokens(count: int) -> Tensor:
    """Random ordinary tokens, and the one that ends a text."""
    found = torch.randint(3, VOCABULARY, (count, TOKENS))
    found[:, -1] = SMALL["eos_token_id"]
    return found


def of_torchvision() -> Iterator[Family]:
    """The smallest classifier of every module."""
    import torchvision

    listed = torchvision.models.list_models(module=torchvision.models)
    by_module: dict[str, list[str]] = {}
    for name in listed:
        by_module.setdefault(torchvision.models.get_model_builder(name).__module__.rpartition(".")[2], []).append(name)
    for module, names in sorted(by_module.items()):

        def make(names: list[str] = names) -> tuple[nn.Module, Callable[[int], Tensor]]:
            # What the library says of its published weights, of which nothing is loaded.
            sizes = {n: torchvision.models.get_model_weights(n).DEFAULT.meta["num_params"] for n in names}
            how = {"init_weights": False} if {"googlenet", "inception_v3"} & set(names) else {}
            model = torchvision.models.get_model(min(sizes, key=lambda n: sizes[n]), weights=None, **how)
            return model, images(299 if "inception_v3" in names else 224)

        yield Family("torchvision", module, make)


def of_timm() -> Iterator[Family]:
    """The smallest model of every module."""
    import timm

    for module in timm.list_modules():

        def make(module: str = module) -> tuple[nn.Module, Callable[[int], Tensor]]:
            sizes = {}
            for name in timm.list_models(module=module):
                side = _side(timm.get_pretrained_cfg(name))
                with torch.device("meta"):
                    try:
                        model = timm.create_model(name, pretrained=False)
                    except (RuntimeError, NotImplementedError):
                        continue
                sizes[name] = (sum(p.numel() for p in model.parameters()), side)
            name = min(sizes, key=lambda n: sizes[n])
            if sizes[name][0] > LARGEST:
                raise TooLarge(f"{name} has {sizes[name][0]:,} parameters")
            return timm.create_model(name, pretrained=False), images(sizes[name][1])

        yield Family("timm", module, make)


def _side(about: Any) -> int:
    return int(about.input_size[-1]) if about is not None else 224


class TooLarge(Exception):
    """No member of the family is small enough for this benchmark."""


def of_transformers() -> Iterator[Family]:
    """Every classifier of images and of texts, and every causal language model, made small by its configuration."""
    from transformers.models.auto import modeling_auto as auto

    kinds = {
        "images": auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
        "texts": auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "next token": auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    for kind, names in kinds.items():
        for model_type, class_name in names.items():
            first = class_name if isinstance(class_name, str) else class_name[0]

            def make(
                kind: str = kind, model_type: str = model_type, class_name: str = first
            ) -> tuple[nn.Module, Callable[[int], Tensor]]:
                return _small(kind, model_type, class_name)

            yield Family(f"transformers, {kind}", model_type, make)


def _small(kind: str, model_type: str, class_name: str) -> tuple[nn.Module, Callable[[int], Tensor]]:
    """The first small configuration with which the library's own model runs: sizes must fit one another."""
    import transformers

    usual = transformers.CONFIG_MAPPING[model_type]()
    has = {k: v for k, v in SMALL.items() if hasattr(usual, k) and not isinstance(getattr(usual, k), list | tuple)}
    choices = [{k: v for k, v in has.items() if k not in left_out} for left_out in LEFT_OUT]
    if kind == "images":
        choices = [{k: v for k, v in has.items() if k in ("num_labels", "use_cache")}]
    why: Exception = TooLarge("no small configuration")
    for wanted in choices:
        try:
            config = transformers.CONFIG_MAPPING[model_type](**wanted)
            with torch.device("meta"):
                size = sum(p.numel() for p in getattr(transformers, class_name)(config).parameters())
            if size > 3 * LARGEST:
                raise TooLarge(f"its small configuration has {size:,} parameters")
            model = getattr(transformers, class_name)(config).eval()
            side = getattr(config, "image_size", 224)
            samples = images(side if isinstance(side, int) else 224) if kind == "images" else tokens
            with torch.no_grad():
                outputs(model, samples(RUN))
        except Exception as error:  # noqa: BLE001  (the next one may do)
            why = error
            continue
        return model, samples
    raise why


def outputs(model: nn.Module, x: Tensor) -> Tensor:
    """What the server would take for outputs: the logits, or the first tensor."""
    answer = model(x)
    if isinstance(answer, Tensor):
        return answer
    if hasattr(answer, "logits"):
        return answer.logits
    return next(v for v in (answer.values() if isinstance(answer, dict) else answer) if isinstance(v, Tensor))


def verdict(family: Family, folder: Path) -> str:
    """``equal``, or what stood in the way and whose it was."""
    torch.manual_seed(0)
    made, why = attempted(lambda: _made(family))
    if made is None:
        return f"not tried: {why}" if why.startswith(TooLarge.__name__) else f"not made: {why}"
    model, samples, x, right = made
    _, why = attempted(lambda: _exported(model, samples(EXPORTED), folder / "model.pt2"))
    if why:
        return f"not exported: {why}"
    ours, why = attempted(lambda: _run(folder, x))
    if ours is None:
        sentence = _refusal(folder)
        # The dry run refuses as the reader does, and writes no manifest.
        sentence = sentence or (why.partition(": ")[2] if why.startswith("Refusal") else "")
        return f"refused: {sentence}" if sentence else f"FAILED: {why}"
    if ours.shape != right.shape:
        return f"DIFFERENT: {tuple(ours.shape)} instead of {tuple(right.shape)}"
    apart = float((ours - right).abs().max() / right.abs().max().clamp_min(1e-12))
    if torch.equal(ours, right):
        return "equal"
    return f"equal to {apart:.0e}" if apart < MOST_DIFFERENCE else f"DIFFERENT by {apart:.0e}"


def attempted(run: Callable[[], T]) -> tuple[T | None, str]:
    """What a step gives, or what it raised."""
    try:
        return run(), ""
    except Exception as error:  # noqa: BLE001  (each is a row of the table)
        text = " ".join(str(error).split())
        return None, f"{type(error).__name__}: {text[:150]}"


@torch.no_grad()
def _made(family: Family) -> tuple[nn.Module, Callable[[int], Tensor], Tensor, Tensor]:
    model, samples = family.make()
    x = samples(RUN)
    return model.eval(), samples, x, outputs(model, x)


def _exported(model: nn.Module, x: Tensor, path: Path) -> None:
    torch.export.save(torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},)), path)


@torch.no_grad()
def _run(folder: Path, x: Tensor) -> Tensor:
    return opened(folder / "model.pt2", folder)(x)


def _refusal(folder: Path) -> str:
    place = folder / "manifest.json"
    return str(json.loads(place.read_text()).get("sentence", "")) if place.exists() else ""


def main() -> None:
    """A line for each family, and counts."""
    warnings.simplefilter("ignore")
    given = argparse.ArgumentParser()
    given.add_argument("--library", action="append")
    given.add_argument("--only", nargs="*")
    wanted = given.parse_args()
    counts: dict[str, dict[str, int]] = {}
    for source in (of_torchvision, of_timm, of_transformers):
        try:
            families = list(source())
        except ImportError as error:
            print(f"{source.__name__}: not installed ({error})")
            continue
        for family in families:
            if wanted.library and not any(family.library.startswith(w) for w in wanted.library):
                continue
            if wanted.only and family.name not in wanted.only:
                continue
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                told = verdict(family, Path(folder))
            gc.collect()
            print(f"{family.library}: {family.name}: {told} ({time.perf_counter() - began:.0f} s)", flush=True)
            by = counts.setdefault(family.library, {})
            kind = told.split(":")[0].split(" by ")[0].split(" to ")[0]
            by[kind] = by.get(kind, 0) + 1
    for library, by in counts.items():
        print(f"{library}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(by.items(), key=lambda i: -i[1])))


if __name__ == "__main__":
    main()
