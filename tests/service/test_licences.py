"""docs/architecture.md names everything that is installed with Crosscheck, and the licence that each says it has."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## What it stands on")[2].splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = [re.split(r"[^\w-]", each)[0] for each in PROJECT["dependencies"]]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_named_in_the_row_of_its_licence(package: str) -> None:
    (row,) = [row for row in ROWS if re.search(rf"(?<![\w-]){re.escape(package)}(?![\w-])", row)]
    said = metadata(package).json.get("license_expression", "")  # older packages say it in words of their own
    assert isinstance(said, str)
    assert [licence for licence in re.split(r" AND | OR ", said) if licence not in row] == []
