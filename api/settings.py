"""Settings of the service: the command line, then `SPARSEARCH_*` variables, then a TOML file, then defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from search.errors import JobError
from search.home import Home

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN_LENGTH = 16
"""A token is the only wall off loopback; shorter ones can be guessed."""


class SettingsError(JobError):
    """The service is asked to start in a way it must not; the message says what to change."""


class Settings(BaseSettings):
    """How the service runs.

    Args:
        home: state home.
        database: SQLAlchemy URL of a PostgreSQL database; None: the SQLite file of the home.
        host: address to listen on.
        port: TCP port; 0: any free one.
        token: tokens that open the service, separated by commas.
        token_file: file with one token per line.
        allowed_hosts: names besides loopback and `host` that requests may address the service by.
        queue_cap: searches that may wait.
        running: searches that may run at once.
        body_cap: bytes of a JSON body.
        body_silence_s: seconds that a request body may stay silent.
        checkpoint_cap_bytes: bytes of an uploaded checkpoint.
        streams_per_client: open event streams of one client address.
        streams: open event streams in all.
        session_s: seconds that a sign-in in a browser lasts.
        log_format: json or pretty.
    """

    model_config = SettingsConfigDict(env_prefix="SPARSEARCH_", extra="forbid", frozen=True, hide_input_in_errors=True)

    home: Path = Field(default_factory=lambda: Home.default().path)
    database: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(8777, ge=0, le=65535)
    token: SecretStr | None = None
    token_file: Path | None = None
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    queue_cap: int = Field(100, ge=1, le=100_000)
    running: int = Field(1, ge=1, le=64)
    body_cap: int = Field(64 * 1024, ge=1024, le=2**20)
    body_silence_s: float = Field(30.0, gt=0, le=600)
    checkpoint_cap_bytes: int = Field(2 * 2**30, ge=1024)
    streams_per_client: int = Field(10, ge=1)
    streams: int = Field(200, ge=1)
    session_s: float = Field(12 * 3600.0, gt=0)
    log_format: Literal["json", "pretty"] = "json"

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip().lower() for part in parts if part.strip())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, environment, then `$SPARSEARCH_CONFIG` or `service.toml` in the home."""
        chosen = os.environ.get("SPARSEARCH_CONFIG")
        path = Path(chosen) if chosen else Home.default().path / "service.toml"
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path)

    @property
    def location(self) -> Path | str:
        """Where the store is: a file, or a URL."""
        return self.database or Home(self.home).database

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK_NAMES or self.host.startswith("127.")

    def tokens(self) -> tuple[str, ...]:
        """Every token that opens the service.

        Raises:
            SettingsError: the token file cannot be read, or a token is too short or has spaces.
        """
        found = [] if self.token is None else self.token.get_secret_value().split(",")
        if self.token_file is not None:
            try:
                found += self.token_file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"cannot read the token file {self.token_file}: {error}") from None
        tokens = tuple(dict.fromkeys(token.strip() for token in found if token.strip()))
        for token in tokens:
            if len(token) < TOKEN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
                raise SettingsError(
                    f"a token must have at least {TOKEN_LENGTH} ASCII characters without spaces; make one with: "
                    "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
                )
        return tokens

    def check(self) -> None:
        """Whether the service may listen like this.

        Raises:
            SettingsError: other machines could reach it without a token, or a token is unusable.
        """
        if not self.tokens() and not self.loopback:
            raise SettingsError(
                f"host {self.host} can be reached from other machines, and no token is set. Make one with\n"
                "    python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > token.txt && chmod 600 token.txt\n"
                "and start with --token-file token.txt (or SPARSEARCH_TOKEN), or listen on 127.0.0.1"
            )


def load(options: Mapping[str, Any]) -> Settings:
    """Settings from the given options (None: not given), the environment and the file.

    Raises:
        SettingsError: a value is out of range, a name is unknown, or the file cannot be read.
    """
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"setting {name}: {first['msg']} (option --{name.replace('_', '-')}, variable SPARSEARCH_{name.upper()}, "
            f"or service.toml)"
        ) from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings file: {error}; correct it or unset SPARSEARCH_CONFIG") from None
