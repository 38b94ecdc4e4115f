"""Filters that people type: ``group:sam acc>0.9 pruned``."""

import re
from collections.abc import Sequence
from typing import Any

TERM = re.compile(r'(?:(?P<key>[\w.-]+)(?P<sign>:|~|>=|<=|>|<|=))?(?P<value>"[^"]*"|\S+)')
COMPARED = (">", "<", ">=", "<=")
ALIASES = {"acc": "accuracy", "arch": "architecture", "params": "parameters"}


def matches(row: dict[str, Any], text: str) -> bool:
    """Whether a row of the library fits every term of a filter.

    ``word`` is looked for in the name. Of a column, tag or given metric, ``key:word`` is its whole value,
    ``key~word`` a part of it, and ``key>number`` compares one.
    """
    return all(_fits(row, m) for m in TERM.finditer(text))


def misunderstood(rows: Sequence[dict[str, Any]], text: str) -> str:
    """What of a filter no row could ever fit, and why; nothing where all of it can be read."""
    for term in TERM.finditer(text):
        key, sign, value = term["key"], term["sign"], term["value"].strip('"')
        if key is None and re.search("[:~<>=]", value):
            return f"{value} is not understood: write it as group:sam, name~pruned or acc>0.9"
        if key is None:
            continue
        if rows and all(_value(row, key) is None for row in rows):
            return f"no checkpoint has {key}"
        if sign in COMPARED:
            try:
                float(value)
            except ValueError:
                return f"{key}{sign} needs a number, not {value}"
    return ""


def _fits(row: dict[str, Any], term: "re.Match[str]") -> bool:
    value = term["value"].strip('"').lower()
    if term["key"] is None:
        return value in str(row.get("name", "")).lower()
    found = _value(row, term["key"])
    if found is None:
        return False
    if term["sign"] == "~":
        return value in str(found).lower()
    if term["sign"] in (":", "="):
        return value == str(found).lower()
    try:
        have, limit = float(found), float(value)
    except (TypeError, ValueError):
        return False
    return {">": have > limit, "<": have < limit, ">=": have >= limit, "<=": have <= limit}[term["sign"]]


def _value(row: dict[str, Any], key: str) -> Any:
    name = ALIASES.get(key.lower(), key.lower())
    for place in (row, row.get("tags", {}), row.get("metrics", {})):
        for k, v in place.items():
            if k.lower() == name:
                return v
    return None
