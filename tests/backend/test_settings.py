"""Settings that would open a door are refused with a sentence."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from kinscape.backend.settings import WebSettings


@pytest.mark.fault("a public address that is none")
@pytest.mark.parametrize("address", ["kinscape", "kinscape:8050", "//kinscape", "ftp://kinscape", "https://"])
def test_a_public_address_is_whole(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="must be a whole address"):
        WebSettings(database_url="postgresql://x", broker_url="redis://x", files=tmp_path, public_url=address)


def test_a_whole_address_is_taken(tmp_path: Path) -> None:
    made = WebSettings(
        database_url="postgresql://x", broker_url="redis://x", files=tmp_path, public_url="https://k.org/"
    )
    assert made.public_url == "https://k.org"


def test_a_token_stands_in_a_file_or_is_refused(tmp_path: Path) -> None:
    given = {"database_url": "postgresql://x", "broker_url": "redis://x", "files": tmp_path, "host": "0.0.0.0"}
    with pytest.raises(ValidationError, match="where there is no file"):
        WebSettings(**given, token_file=tmp_path / "none")
    (tmp_path / "token").write_text("too short\n")
    with pytest.raises(ValidationError, match="at least 20 characters"):
        WebSettings(**given, token_file=tmp_path / "token")
    (tmp_path / "token").write_bytes(b"\xff\xfe\0 no text at all, whatever its length")
    with pytest.raises(ValidationError, match="cannot be read as a token"):
        WebSettings(**given, token_file=tmp_path / "token")
    # Also on loopback: a proxy may stand in front of it, and everybody would be the owner.
    (tmp_path / "token").write_text("")
    with pytest.raises(ValidationError, match="at least 20 characters"):
        WebSettings(**{**given, "host": "127.0.0.1"}, token_file=tmp_path / "token")
    (tmp_path / "token").write_text("a-token-that-is-long-enough\n")
    assert WebSettings(**given, token_file=tmp_path / "token").given_token == "a-token-that-is-long-enough"


@pytest.mark.parametrize(
    "frames", ["wiki.example.org", "https://a.org; script-src *", "https://a.org https://b.org/path", "javascript:"]
)
def test_frames_are_origins(frames: str, tmp_path: Path) -> None:
    given = {"database_url": "postgresql://x", "broker_url": "redis://x", "files": tmp_path}
    with pytest.raises(ValidationError, match="KINSCAPE_FRAMES takes origins"):
        WebSettings(**given, frames=frames)
    good = "https://wiki.example.org https://*.lab.org:8443 http://127.0.0.1:* 'self'"
    assert WebSettings(**given, frames=good).frames == good
