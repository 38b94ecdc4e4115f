"""Settings that would open a door are refused with a sentence."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from kinscape.backend.settings import WebSettings


@pytest.mark.parametrize("address", ["kinscape", "kinscape:8050", "//kinscape", "ftp://kinscape", "https://"])
def test_a_public_address_is_whole(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="must be a whole address"):
        WebSettings(database_url="postgresql://x", broker_url="redis://x", files=tmp_path, public_url=address)


def test_a_whole_address_is_taken(tmp_path: Path) -> None:
    made = WebSettings(
        database_url="postgresql://x", broker_url="redis://x", files=tmp_path, public_url="https://k.org/"
    )
    assert made.public_url == "https://k.org"
