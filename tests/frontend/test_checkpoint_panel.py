"""The panel of the selected checkpoint: what its fields mean."""

import datetime as dt

import pytest

from kinscape.backend.contracts.checkpoints import Checkpoint, Level, Proposal
from kinscape.backend.contracts.uploads import State
from kinscape.client import ClientError
from kinscape.frontend.pages.checkpoint_panel import changes, panel, tags_of


def checkpoint(**more: object) -> Checkpoint:
    plain: dict[str, object] = {
        "id": 1,
        "name": "net <b>",
        "group": "seeds",
        "tags": {"seed": "0"},
        "parent": None,
        "init_of": None,
        "teacher": None,
        "root": "net <b>",
        "run": "",
        "step": None,
        "level": Level.WEIGHTS,
        "architecture": None,
        "arguments": {},
        "parameters": 10,
        "size_bytes": 40,
        "content_hash": "a",
        "layers": [],
        "metrics": {},
        "state": State.READY,
        "reason": "Weights only.",
        "created": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    }
    return Checkpoint.model_validate({**plain, **more})


def test_only_what_was_changed_is_sent() -> None:
    same = {"name": "net <b>", "group": "seeds", "tags": "seed=0", "parent": ""}
    assert changes(checkpoint(), **same) == {}
    assert changes(checkpoint(), **{**same, "group": " late ", "parent": "base"}) == {"group": "late", "parent": "base"}
    assert changes(checkpoint(), **{**same, "tags": ""}) == {"tags": {}}


def test_tags_are_read_or_refused_with_a_sentence() -> None:
    assert tags_of("seed=0  optim=sgd note=a=b") == {"seed": "0", "optim": "sgd", "note": "a=b"}
    with pytest.raises(ClientError, match=r"'seed' must be NAME=VALUE"):
        tags_of("seed")


def test_weights_alone_say_how_to_become_more() -> None:
    assert "torch.export.save" in str(panel(checkpoint()))
    fitting = Proposal(architecture="mlp", arguments={"width": 8})
    proposed = str(panel(checkpoint(proposals=[fitting])))
    assert "torch.export.save" not in proposed
    assert "mlp(width=8)" in proposed
    assert "torch.export.save" not in str(panel(checkpoint(level=Level.PROGRAM)))
