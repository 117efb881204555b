"""YAML read as plain text with line numbers, and nothing else.

Every scalar is a string: by YAML's own guesses the country `no` would be false and `12:30` a number. Anchors, aliases
and tags are refused, so a file cannot unfold into more than is written in it; nesting is capped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

DEPTH_CAP: Final = 8

Path = tuple[str | int, ...]
"""Keys and positions from the root of the file to a value."""


class YamlRefusedError(ValueError):
    """The text is not YAML, or holds more of YAML than is read here.

    Args:
        line: from 1, where it is known.
    """

    def __init__(self, reason: str, line: int | None) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Located:
    """Dicts, lists and strings, with the line of each value, or of its key, from 1."""

    value: Any
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of a value; of what it would be part of, if it is not there."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read_yaml(unverified: str) -> Located:
    """Read one YAML document; an empty one is an empty string.

    Raises:
        YamlRefusedError: it is not YAML, or not of the plain kind.
    """
    lines: dict[Path, int] = {(): 1}
    try:
        events = (event for event in yaml.parse(unverified, yaml.SafeLoader) if not _is_frame(event))
        first = next(events, None)
        value = "" if first is None else _read(first, events, (), lines)
        if (more := next(events, None)) is not None:
            raise YamlRefusedError("a second document begins here", _line(more))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlRefusedError(
            f"not YAML: {error.problem or error.context}", mark.line + 1 if mark else None
        ) from error
    except yaml.YAMLError as error:
        raise YamlRefusedError("not YAML: a character that may not stand in it", None) from error
    return Located(value, lines)


def _is_frame(event: yaml.Event) -> bool:
    frame = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
    return isinstance(event, frame)


def _line(event: yaml.Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1


def _read(event: yaml.Event, events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> Any:
    line = _line(event)
    lines.setdefault(path, line)
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise YamlRefusedError(
            "anchors (&) and aliases (*) are not read; write the value out, or put it in quotes", line
        )
    if getattr(event, "tag", None) is not None:
        raise YamlRefusedError("tags (!) are not read; put the value in quotes", line)
    if len(path) > DEPTH_CAP:
        raise YamlRefusedError(f"nested more than {DEPTH_CAP} deep", line)
    if isinstance(event, yaml.SequenceStartEvent):
        return _read_list(events, path, lines)
    if isinstance(event, yaml.MappingStartEvent):
        return _read_dict(events, path, lines)
    return event.value if isinstance(event, yaml.ScalarEvent) else ""


def _read_list(events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> list[Any]:
    found: list[Any] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        found.append(_read(event, events, (*path, len(found)), lines))
    return found


def _read_dict(events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        line = _line(event)
        key = _read(event, events, (*path, ""), {}) if isinstance(event, yaml.ScalarEvent) else None
        if key is None:
            raise YamlRefusedError("a key must be a word", line)
        if key in found:
            raise YamlRefusedError(f"the key {key!r} is there twice", line)
        lines[*path, key] = line
        found[key] = _read(next(events), events, (*path, key), lines)
    return found
