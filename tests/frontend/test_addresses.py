"""Which page an address opens."""

import re

import pytest

from kinscape.frontend.app import PAGES


def fitting(path: str) -> list[str]:
    return [pattern for pattern in PAGES if re.fullmatch(pattern, path, re.ASCII)]


@pytest.mark.parametrize(
    "path",
    [
        "/measures",
        "/new",
        "/comparison/12",
        "/shared/aB-_9",
        "/study/3",
        "/projects/1",
        "/projects/1/compare",
        "/projects/1/comparisons",
        "/projects/1/studies",
        "/projects/1/studies/new",
    ],
)
def test_each_page_has_one_address(path: str) -> None:
    assert len(fitting(path)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/projects",
        "/projects/one",
        "/projects/1/nothing",
        "/projects/1/studies/new/more",
        "/comparison/1/2",
        "/study/٣",
        f"/study/{'9' * 5000}",
        "/measures/x",
        "",
    ],
)
def test_other_addresses_have_none(path: str) -> None:
    assert fitting(path) == []
