"""Settings of the programs, read only where a program is put together."""

import re
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# A shorter one could be guessed.
SHORTEST_TOKEN = 20
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
# An origin, such as a Content-Security-Policy names it; nothing that could end the directive.
FRAME = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:(\d{1,5}|\*))?|\*|'self'")
Kind = TypeVar("Kind", bound=BaseSettings)


class StoreSettings(BaseSettings):
    """Where data lives; shared by every program."""

    model_config = SettingsConfigDict(env_prefix="KINSCAPE_", extra="ignore")
    database_url: str = Field(description="SQLAlchemy URL of Postgres.")
    broker_url: str = Field(description="Celery URL of Redis.")
    files: Path = Field(description="Folder of stored files.")


class WebSettings(StoreSettings):
    """The web process: API, dashboard or both."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8050, ge=1, le=65535, description="Port to listen on.")
    public_url: str = Field(default="", description="Address that browsers use; part of every link.")
    token: SecretStr = Field(default=SecretStr(""), description="Owner token; needed beyond loopback.")
    token_file: Path | None = Field(default=None, description="File of the owner token, instead; read when it changes.")
    largest_upload_bytes: int = Field(default=8 << 30, ge=1, description="Largest file that is taken.")
    keep_free_bytes: int = Field(default=1 << 30, ge=0, description="Disk space that uploads leave free.")
    quota_bytes: int = Field(default=0, ge=0, description="Checkpoints that all projects may hold; 0 for any.")
    project_quota_bytes: int = Field(default=0, ge=0, description="Checkpoints that one project may hold; 0 for any.")
    cache_disk_bytes: int = Field(
        default=20 << 30, ge=0, description="Outputs and features that workers keep on disk; the oldest beyond go."
    )
    frames: str = Field(default="", description="Origins, with spaces, whose pages may embed links; none by itself.")
    demos: bool = Field(default=True, description="Whether the owner may have networks of demo studies trained here.")
    log_level: str = Field(default="INFO", description="Least severe event that is logged.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.token_file is not None and not self.token_file.is_file():
            raise ValueError(f"KINSCAPE_TOKEN_FILE names {self.token_file}, where there is no file.")
        if self.token_file is not None and len(self.given_token) < SHORTEST_TOKEN:
            raise ValueError(
                f"The file {self.token_file}, named by KINSCAPE_TOKEN_FILE, must hold an owner token of at least 20 "
                "characters."
            )
        if self.host not in LOOPBACK and len(self.given_token) < SHORTEST_TOKEN:
            raise ValueError(
                "KINSCAPE_TOKEN, or the file named by KINSCAPE_TOKEN_FILE, must hold an owner token of at least 20 "
                "characters when KINSCAPE_HOST is not loopback: make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`."
            )
        if not self.public_url:
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.public_url = f"http://{host}:{self.port}"
        self.public_url = self.public_url.rstrip("/")
        if urlsplit(self.public_url).scheme not in ("http", "https") or not urlsplit(self.public_url).netloc:
            raise ValueError(
                f"The public address {self.public_url!r} must be a whole address, such as https://kinscape.example.org."
            )
        wrong = [frame for frame in self.frames.split() if not FRAME.fullmatch(frame)]
        if wrong:
            raise ValueError(f"KINSCAPE_FRAMES takes origins such as https://wiki.example.org, not {wrong[0]!r}.")
        return self

    @property
    def own_url(self) -> str:
        """Where programs of this machine reach it."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def given_token(self) -> str:
        """The owner token with which a server starts."""
        if self.token_file is not None:
            try:
                return self.token_file.read_text().strip()
            except (OSError, ValueError) as error:
                raise ValueError(f"The file {self.token_file} cannot be read as a token.") from error
        return self.token.get_secret_value()


class WorkerSettings(StoreSettings):
    """A Celery worker."""

    device: str = Field(default="", description="torch device; chosen by itself when empty.")
    threads: int = Field(default=0, ge=0, description="Threads per worker process; 0 shares the cores.")
    time_limit_s: int = Field(
        default=600, ge=5, le=6 * 3600, description="Longest time for one job; what needs longer ends with a reason."
    )
    cache_bytes: int = Field(default=1 << 30, ge=0, description="Networks and features kept in memory.")
    networks: str = Field(default="", description="Python files with the owner's networks, as PATH lists folders.")


def read_settings(kind: type[Kind]) -> Kind:
    """The settings of a program from its environment; a sentence for each that is wrong, and the end, otherwise."""
    try:
        return kind()
    except ValidationError as error:
        wrong = [
            f"{'KINSCAPE_' + '_'.join(str(p) for p in e['loc']).upper() + ': ' if e['loc'] else ''}{e['msg']}."
            for e in error.errors()
        ]
        raise SystemExit("\n".join(w.replace("Value error, ", "").replace("..", ".") for w in wrong)) from None
