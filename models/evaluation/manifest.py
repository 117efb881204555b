"""The `manifest.csv` of an evaluation folder: which file is a sample of whom."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidInput

MANIFEST_NAME = "manifest.csv"
FACE_COLUMNS = ("path", "identity")
FINGERPRINT_COLUMNS = ("path", "set", "finger", "impression")


class ManifestError(InvalidInput):
    """The evaluation folder or its manifest cannot be used; names the line, never a label of it."""

    slug = "evaluation-manifest"
    hint = (
        "DIR needs a manifest.csv with the columns path, identity (faces) or path, set, finger, impression "
        "(fingerprints); paths are relative to DIR."
    )


@dataclass(frozen=True, slots=True)
class LabelledSample:
    """One file, the subject it is a sample of, and the set it belongs to.

    A subject is an identity, or a finger of a set, of which the impressions have numbers. All faces are of one set,
    which has no name.
    """

    path: Path
    subject: str
    set_name: str = ""
    impression: str = ""


def read_face_manifest(folder: Path) -> tuple[LabelledSample, ...]:
    """Return the samples of a face folder in the order of its manifest.

    Raises:
        ManifestError: a column, a file or a label is missing, or a line repeats another or leaves the folder.
    """
    return _read(folder, FACE_COLUMNS, lambda row: row["identity"])


def read_fingerprint_manifest(folder: Path) -> tuple[LabelledSample, ...]:
    """Return the samples of a fingerprint folder in the order of its manifest; a subject is one finger of one set.

    Raises:
        ManifestError: a column, a file or a label is missing, or a line repeats another or leaves the folder.
    """
    return _read(
        folder, FINGERPRINT_COLUMNS, lambda row: f"{row['set']}/{row['finger']}", unique=FINGERPRINT_COLUMNS[1:]
    )


def same_impressions(
    samples: Sequence[LabelledSample], folder: Path, others: Sequence[LabelledSample]
) -> tuple[LabelledSample, ...]:
    """Return what `others`, of `folder`, has of the impressions of `samples`, in their order.

    Raises:
        ManifestError: it lacks one of them.
    """
    found = {(other.subject, other.impression): other for other in others}
    missing = sum((sample.subject, sample.impression) not in found for sample in samples)
    if missing:
        raise ManifestError(f"{missing} of {len(samples)} impressions are not in {folder / MANIFEST_NAME}")
    return tuple(found[sample.subject, sample.impression] for sample in samples)


def subject_numbers(samples: Sequence[LabelledSample]) -> NDArray[np.int64]:
    """Return the subject of each sample, (n,), numbered from 0 in the order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(sample.subject, len(numbers)) for sample in samples], dtype=np.int64)


def set_numbers(samples: Sequence[LabelledSample]) -> NDArray[np.int64]:
    """Return the set of each sample, (n,), numbered from 0 in the order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(sample.set_name, len(numbers)) for sample in samples], dtype=np.int64)


def _read(
    folder: Path,
    columns: tuple[str, ...],
    subject: Callable[[dict[str, str]], str],
    *,
    unique: tuple[str, ...] = (),
) -> tuple[LabelledSample, ...]:
    samples: list[LabelledSample] = []
    line_of: dict[object, int] = {}
    for line, row in _rows(folder, columns):
        path = _inside(folder, row["path"], line)
        keys: list[object] = [path]
        if unique:
            keys.append(tuple(row[column] for column in unique))
        for key in keys:
            if line_of.setdefault(key, line) != line:
                raise ManifestError(f"line {line} of {MANIFEST_NAME} repeats the sample of line {line_of[key]}")
        samples.append(LabelledSample(path, subject(row), row.get("set", ""), row.get("impression", "")))
    if not samples:
        raise ManifestError(f"{MANIFEST_NAME} names no sample")
    return tuple(samples)


def _rows(folder: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Return (line number, wanted columns) of every row, each value present and stripped."""
    try:
        text = (folder / MANIFEST_NAME).read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ManifestError(f"there is no file {folder / MANIFEST_NAME}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{MANIFEST_NAME} is not UTF-8 text") from error
    reader = csv.DictReader(text.splitlines())
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise ManifestError(f"{MANIFEST_NAME} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    rows = []
    for row in reader:
        wanted = {column: (row[column] or "").strip() for column in columns}
        empty = [column for column, value in wanted.items() if not value]
        if empty:
            raise ManifestError(f"line {reader.line_num} of {MANIFEST_NAME} has no {' and no '.join(empty)}")
        rows.append((reader.line_num, wanted))
    return rows


def _inside(folder: Path, unverified_path: str, line: int) -> Path:
    """Return the file that a line names, resolved, or refuse it."""
    root = folder.resolve()
    path = (root / unverified_path).resolve()
    if not path.is_relative_to(root):
        raise ManifestError(f"the path in line {line} of {MANIFEST_NAME} leaves the folder")
    if not path.is_file():
        raise ManifestError(f"the file named in line {line} of {MANIFEST_NAME} does not exist")
    return path
