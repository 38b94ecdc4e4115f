"""What names of files say of checkpoints: ``{optim}-seed{seed}-step{step}`` against ``sam-seed3-step200``."""

import re
from typing import Any

from kinscape.client.http import ClientError

ENDING = re.compile(r"\.(safetensors|pt|pth|pt2|bin|ckpt|th|tar)$", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\{(\w+)\}", re.ASCII)
# Placeholders that are no tags but what the product itself knows of a checkpoint.
FIELDS = ("group", "parent", "init_of", "teacher", "run", "step")


def values_in(name: str, pattern: str) -> dict[str, str] | None:
    """The text of each placeholder of a pattern; None where the name does not fit.

    Args:
        name: of a file, without its ending.
        pattern: text with placeholders in braces; each takes as little as it can, ``{step}`` digits alone.
    """
    if not pattern.strip():
        return {}
    parts = PLACEHOLDER.split(ENDING.sub("", pattern.strip()))
    keys = parts[1::2]
    wanted = ("([0-9]+)" if key == "step" else "(.+?)" for key in keys)
    source = re.escape(parts[0]) + "".join(w + re.escape(text) for w, text in zip(wanted, parts[2::2], strict=True))
    found = re.fullmatch(source, name)
    return None if found is None else dict(zip(keys, found.groups(), strict=True))


def described_by(name: str, pattern: str, **typed: str | None) -> dict[str, Any]:
    """Tags and lineage of a checkpoint by its name and by what was typed.

    Args:
        name: of a file, without its ending.
        pattern: text with placeholders; those called like a field (``group``, ``parent``, ``init_of``, ``teacher``,
            ``run``, ``step``) give this field, all others a tag.
        typed: fields that count more than the name; they may use the placeholders, as ``parent="dense-{seed}"``.

    Raises:
        ClientError: the name does not fit the pattern.
    """
    values = values_in(name, pattern)
    if values is None:
        raise ClientError(f"The name {name!r} does not fit the pattern {pattern!r}.")
    about: dict[str, Any] = {"tags": {k: v for k, v in values.items() if k not in FIELDS}}
    for field in FIELDS:
        text = PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), (typed.get(field) or values.get(field, "")).strip())
        if text:
            about[field] = int(text) if field == "step" else text
    return about
