"""Makes what the tests of the watchlist side work with: a node's store, entries, templates of generated people."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import URL, Engine

from models.fingerprint.cylinders import FingerTemplate, build_template
from models.fingerprint.synthetic import SyntheticFinger
from models.samples import Position
from models.score_calibration import ScoreCalibration
from watchlists import migrations
from watchlists.database import open_database
from watchlists.gallery import LocalGallery
from watchlists.keys import KeyRing
from watchlists.records import (
    Entry,
    FaceTemplate,
    Partner,
    Subject,
    Templates,
    VisibilityClass,
    Watchlist,
)
from watchlists.sealing import FileRootKey
from watchlists.store import Store

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DIMENSION = 32
SUBJECT = Subject(family_name="Quillfeather", given_names="Zebulon", nationality="XB", documents=("PXQ7719283",))
ALERTS = VisibilityClass("xb", "xb-alerts", "wanted", "inform-officer", ("eyes-only",))
MISSING = VisibilityClass("xb", "xb-alerts", "missing", "inform-officer")
XA_ALERTS = VisibilityClass("xa", "xa-alerts", "wanted", "inform-officer")

CALIBRATION = ScoreCalibration(((0.0, 0.0), (1.0, 8.0)), source="made up for tests")


@dataclass(frozen=True)
class Space:
    """An embedding whose vectors are made up here."""

    model: str = "made-up"
    dimension: int = DIMENSION
    calibration: ScoreCalibration = CALIBRATION


SPACE = Space()


@dataclass(frozen=True)
class Node:
    """One data folder and what is open of it."""

    folder: Path
    engine: Engine = field(repr=False)
    store: Store = field(repr=False)

    def gallery(self, space: Space = SPACE) -> LocalGallery:
        """Return a new gallery with everything there is, as after a start."""
        gallery = LocalGallery(self.store, space)
        gallery.load()
        return gallery

    def files(self) -> bytes:
        """Return the bytes of the SQLite database and its companions."""
        return b"".join(file.read_bytes() for file in sorted(self.folder.glob("crosscheck.db*")))

    def again(self) -> Node:
        """Open the same data folder once more, as another process would."""
        return open_node(self.folder, self.engine.url)


def open_node(folder: Path, database: Path | URL | None = None) -> Node:
    """Open a data folder, which is filled with two partners and a watchlist each if it is new.

    The database is a SQLite file in it, if no other is given.
    """
    engine = open_database(database or folder / "crosscheck.db")
    migrations.upgrade(engine)
    file = folder / "root.key"
    keys = KeyRing(engine, FileRootKey.load(file) if file.exists() else FileRootKey.create(file))
    keys.verify()
    store = Store(engine, keys, lambda: NOW)
    with store.writing() as write:
        for partner in ("xa", "xb"):
            write.add_partner(Partner(partner, partner.upper()))
            write.put_watchlist(Watchlist(f"{partner}-alerts", partner, "Alerts"))
    return Node(folder, engine, store)


def entry(name: str, klass: VisibilityClass = ALERTS, *, expires_at: datetime | None = None) -> Entry:
    return Entry(name, klass, SUBJECT, expires_at=expires_at)


def face(person: int, *, noise: float = 0.0, capture: int = 0, dimension: int = DIMENSION) -> FaceTemplate:
    """Return a unit vector of a person; `noise` moves each capture away from the others."""
    vector = np.random.default_rng([7, person]).standard_normal(dimension)
    vector /= np.linalg.norm(vector)
    vector += noise * np.random.default_rng([8, person, capture]).standard_normal(dimension) / np.sqrt(dimension)
    return FaceTemplate(SPACE.model, (vector / np.linalg.norm(vector)).astype(np.float32))


def finger(person: int, capture: int = 0, position: Position = Position.RIGHT_INDEX) -> FingerTemplate:
    return build_template(SyntheticFinger(100 * person + position.code).impression(capture), position)


def faces(*people: int) -> Templates:
    return Templates(tuple(face(person) for person in people))
