"""Everything an operator can set, from `CROSSCHECK_*` environment variables, with defaults that work."""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from models.calibration import DEFAULT_TARGET_FPIR
from models.errors import CrosscheckError

DEFAULT_HOME = Path("~/.local/share/crosscheck").expanduser()


DRIVER = "postgresql+psycopg"


class DatabaseUrlInvalid(CrosscheckError):
    slug = "database-url"
    hint = f"Set CROSSCHECK_DATABASE to {DRIVER}://user@host/name, or unset it for the SQLite file in the data folder."


class BearerTokens(StrEnum):
    """From where bearer tokens are accepted: they are for development."""

    LOCAL = "local"
    NEVER = "never"
    INSECURE_ANYWHERE = "insecure-anywhere"


class Settings(BaseSettings):
    """The service's settings. Sizes are bytes, durations seconds unless they say otherwise."""

    model_config = SettingsConfigDict(env_prefix="CROSSCHECK_", frozen=True, extra="ignore")

    home: Path = Field(
        default=DEFAULT_HOME, description="Data folder: keys, agreements, and the database if it is SQLite."
    )
    database: SecretStr = Field(
        default=SecretStr(""),
        description=f"PostgreSQL database, as {DRIVER}://user@host/name; empty: SQLite in the data folder.",
    )
    root_key: SecretStr = Field(
        default=SecretStr(""),
        description="Root key, 32 bytes in base64, from a secret store; empty: root.key in the data folder.",
    )
    desk_origin: str = Field(
        default="",
        description="Where browsers find the review desk, such as https://desk.example; empty: on this machine alone.",
    )
    authority: str = Field(
        default="",
        description="Names by which machines call this node, as in Host, with commas; a request that is signed for "
        "another is refused. Empty: any, which is for a key that is registered at one node alone.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or networks, with commas, or unix, of proxies that pass client certificates on.",
    )
    bearer_tokens: BearerTokens = Field(
        default=BearerTokens.LOCAL,
        description="Whether bearer tokens are accepted: from this machine (local), never, or insecure-anywhere.",
    )
    models: Path | None = Field(default=None, description="Model files, if not in the data folder.")
    workers: int = Field(
        default_factory=lambda: max(1, os.cpu_count() or 1), ge=1, description="Checks that run at once."
    )
    answer_within: float = Field(default=4.0, gt=0, description="A check that would wait longer is refused with 503.")
    body_within: float = Field(default=15.0, gt=0, description="A body that takes longer to arrive is refused.")
    max_body: int = Field(default=12 * 2**20, ge=2**16, description="Largest request body; an import line likewise.")
    target_fpir: float = Field(
        default=DEFAULT_TARGET_FPIR, gt=0, lt=1, description="Accepted rate of false alarms per search."
    )
    keep_answers: timedelta = Field(
        default=timedelta(minutes=15), description="How long a check can be repeated for the same answer."
    )
    max_capture_age: timedelta = Field(default=timedelta(minutes=10), description="Oldest accepted captured_at.")
    max_clock_ahead: timedelta = Field(default=timedelta(minutes=1), description="Furthest captured_at in the future.")
    pull_every: timedelta = Field(
        default=timedelta(seconds=10), gt=timedelta(), description="How often feeds of other nodes are pulled."
    )
    feed_authorities: Path | None = Field(
        default=None, description="Certificates of those who sign for other nodes (PEM), if not the system's."
    )
    feed_certificate: Path | None = Field(
        default=None, description="Certificate and key of this node (PEM), for other nodes that ask for one."
    )
    webhook_authorities: Path | None = Field(
        default=None, description="Certificates of those who sign for receivers of webhooks (PEM), if not the system's."
    )
    webhook_private_hosts: str = Field(
        default="", description="Hosts of webhooks that may have private addresses: names, with commas between."
    )
    webhook_dangerously_plain_on_loopback: bool = Field(
        default=False, description="Webhooks may go to this machine over http, in clear."
    )
    review_warning: timedelta = Field(
        default=timedelta(days=30),
        ge=timedelta(),
        description="How long before a review or the end of an entry its owner is told.",
    )
    max_emergency: timedelta = Field(
        default=timedelta(hours=4), gt=timedelta(), description="Longest time for which an emergency can be declared."
    )
    keep_notice_texts: timedelta = Field(
        default=timedelta(days=30), description="How long owners can read a case reference or justification."
    )
    keep_portraits: bool = Field(
        default=True, description="Whether portraits of enrolled faces are kept, sealed, for reviewers to compare."
    )
    waiting_probe_bytes: int = Field(
        default=64 * 2**20,
        ge=0,
        description="Memory of a process for probes that wait for their flag, for seconds; 0 to keep none at all.",
    )
    probes_per_subject: int = Field(default=10, ge=1, description="Checks of one person by one terminal in the window.")
    probes_per_subject_partner: int = Field(
        default=30, ge=1, description="Checks of one person by all terminals of a partner in the window."
    )
    probing_window: timedelta = Field(
        default=timedelta(hours=1), gt=timedelta(), description="Time over which checks of one person are counted."
    )
    probing_samples: int = Field(
        default=5000,
        ge=0,
        description="Samples of recent probes held in memory per partner, to count by; 0 to hold and count none.",
    )

    max_connections: int = Field(default=1000, ge=1, description="Connections of one process.")
    drain_notice: float = Field(
        default=1.0,
        ge=0,
        description="Seconds for which a process that was asked to end still takes requests, while /readyz fails.",
    )
    checks_per_minute: int = Field(default=600, ge=1, description="Checks of one machine in any minute.")
    checks_per_minute_partner: int = Field(default=6000, ge=1, description="Checks of all machines of a partner.")
    calls_per_minute: int = Field(default=3000, ge=1, description="Other calls of one machine in any minute.")
    calls_per_minute_partner: int = Field(default=12000, ge=1, description="Other calls of all of a partner.")
    failures_per_minute: int = Field(
        default=60, ge=1, description="Wrong identities from one address; then it is not listened to for a while."
    )
    sign_ins_per_minute: int = Field(default=30, ge=1, description="Tries to sign in from one address.")

    @property
    def models_folder(self) -> Path:
        return self.models or self.home / "models"

    @property
    def agreements_folder(self) -> Path:
        return self.home / "agreements"

    @property
    def database_place(self) -> Path | URL:
        """Return the SQLite file, or where the PostgreSQL database is.

        Raises:
            DatabaseUrlInvalid: CROSSCHECK_DATABASE is set, but is no URL of a PostgreSQL database.
        """
        given = self.database.get_secret_value()
        if not given:
            return self.home / "crosscheck.db"
        try:
            url = make_url(given)
        except (ArgumentError, ValueError):  # its text would repeat the URL, and with it a password
            raise DatabaseUrlInvalid("CROSSCHECK_DATABASE is not a URL") from None
        if url.drivername not in (DRIVER, "postgresql") or not url.database:
            raise DatabaseUrlInvalid("CROSSCHECK_DATABASE does not name a PostgreSQL database")
        return url.set(drivername=DRIVER)

    @property
    def root_key_file(self) -> Path:
        return self.home / "root.key"
