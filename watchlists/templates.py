"""Bytes of what gets sealed: the templates of an entry in one versioned container, and who it is about."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.fingerprint.cylinders import FingerTemplate
from watchlists.records import EntryKey, FaceTemplate, Link, LinkKind, Provenance, Subject, Templates

VERSION = 1
_HEADER = struct.Struct("<BHH")  # version, number of faces, number of fingers
_LENGTH = struct.Struct("<I")
_VECTOR = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Details:
    """All of an entry that is about people and no template."""

    subject: Subject
    links: tuple[Link, ...] = field(default=(), repr=False)
    misused_identity: Subject | None = field(default=None, repr=False)
    provenance: Provenance | None = field(default=None, repr=False)


def pack_templates(templates: Templates) -> bytes:
    """Encode templates: a header, then for each face its model (UTF-8) and float32 little-endian vector, then each
    finger's own encoding; every part with its length in front.
    """  # noqa: D205
    parts = []
    for face in templates.faces:
        parts += [face.model.encode(), face.vector.astype("<f4", copy=False).tobytes()]
    parts += [finger.to_bytes() for finger in templates.fingers]
    header = _HEADER.pack(VERSION, len(templates.faces), len(templates.fingers))
    return header + b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack_templates(packed: bytes) -> Templates:
    """Decode what `pack_templates` gave.

    Raises:
        ValueError: not a container of this version, or damaged.
    """
    if len(packed) < _HEADER.size or packed[0] != VERSION:
        raise ValueError(f"stored templates are not a container of version {VERSION}")
    _, faces, fingers = _HEADER.unpack_from(packed)
    parts = _split(packed)
    if len(parts) != 2 * faces + fingers:
        raise ValueError("stored templates have the wrong number of parts")
    of_faces, of_fingers = parts[: 2 * faces], parts[2 * faces :]
    return Templates(
        faces=tuple(map(_face, of_faces[::2], of_faces[1::2])),
        fingers=tuple(map(FingerTemplate.from_bytes, of_fingers)),
    )


def unpacked(packed: bytes | None) -> Templates | None:
    """Decode what `pack_templates` gave; None for None and for what cannot be decoded."""
    try:
        return None if packed is None else unpack_templates(packed)
    except ValueError:
        return None


class OneFace:
    """Recognises packed templates that are one face of a certain embedding, as most are in a large gallery.

    The start of such a gallery waits for this, and unpacking takes many times as long.

    Attributes:
        size: bytes of such a one.
    """

    def __init__(self, model: str, dimension: int) -> None:
        like = pack_templates(Templates((FaceTemplate(model, np.zeros(dimension, np.float32)),)))
        self.size = len(like)
        self._begins = np.frombuffer(like[: -_VECTOR.itemsize * dimension], np.uint8)

    def vectors_in(self, packed: bytes) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return which of some packed templates are one face and nothing else, and their vectors (k, dimension).

        Args:
            packed: packed templates (n,) of `size` bytes each, end to end.
        """
        whole = np.frombuffer(packed, np.uint8).reshape(-1, self.size)
        faces = (whole[:, : len(self._begins)] == self._begins).all(axis=1)
        return faces, np.ascontiguousarray(whole[faces, len(self._begins) :]).view(_VECTOR)


def _face(model: bytes, vector: bytes) -> FaceTemplate:
    return FaceTemplate(_model(model), np.frombuffer(vector, _VECTOR))


@lru_cache(maxsize=64)
def _model(name: bytes) -> str:
    """Return the name of an embedding: one object for all faces of it."""
    return name.decode()


def pack_details(details: Details) -> bytes:
    """Encode details as JSON; equal details give equal bytes. Without anything else, the subject alone."""
    fields = _subject_fields(details.subject)
    if details.links:
        fields["links"] = [[link.kind, link.to.watchlist, link.to.entry] for link in details.links]
    if details.misused_identity is not None:
        fields["misused_identity"] = _subject_fields(details.misused_identity)
    if details.provenance is not None:
        captured_at = details.provenance.captured_at
        fields["provenance"] = [details.provenance.source, captured_at and captured_at.isoformat()]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def unpack_details(packed: bytes) -> Details:
    """Decode what `pack_details` gave.

    Raises:
        ValueError, KeyError: it is something else.
    """
    fields = json.loads(packed)
    misused = fields.get("misused_identity")
    return Details(
        subject=_subject(fields),
        links=tuple(
            Link(LinkKind(kind), EntryKey(watchlist, entry)) for kind, watchlist, entry in fields.get("links", ())
        ),
        misused_identity=None if misused is None else _subject(misused),
        provenance=_provenance(*fields["provenance"]) if "provenance" in fields else None,
    )


def _subject_fields(subject: Subject) -> dict[str, Any]:
    return {
        "family_name": subject.family_name,
        "given_names": subject.given_names,
        "birth_date": subject.birth_date.isoformat() if subject.birth_date else None,
        "nationality": subject.nationality,
        "documents": list(subject.documents),
    }


def _subject(fields: dict[str, Any]) -> Subject:
    birth_date = fields["birth_date"]
    return Subject(
        family_name=fields["family_name"],
        given_names=fields["given_names"],
        birth_date=date.fromisoformat(birth_date) if birth_date else None,
        nationality=fields["nationality"],
        documents=tuple(fields["documents"]),
    )


def _provenance(source: str, captured_at: str | None) -> Provenance:
    return Provenance(source, None if captured_at is None else datetime.fromisoformat(captured_at))


def _split(packed: bytes) -> list[bytes]:
    parts = []
    position = _HEADER.size
    size = len(packed)
    while position < size:
        end = position + _LENGTH.size
        length = int.from_bytes(packed[position:end], "little")
        position = end + length
        if position > size:
            raise ValueError("stored templates end inside a part")
        parts.append(packed[end:position])
    return parts
