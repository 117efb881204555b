"""`crosscheck bench custody` measures what it says, on a tiny gallery; the figures themselves depend on the machine."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from models.weights import ModelStore
from service.commands.bench import commands

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("portraits")
def test_the_figures_of_a_tiny_gallery(model_store: ModelStore) -> None:
    os.environ["CROSSCHECK_MODELS"] = str(model_store.folder)
    result = CliRunner().invoke(commands, ["custody", "--size", "1000", "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert list(figures) == [
        "size",
        "import_per_second",
        "image_import_per_second",
        "searchable_p99_ms",
        "cold_start_s",
        "feed_per_second",
        "rss_mb",
    ]
    assert figures["size"] == 1000
    assert all(figure > 0 for figure in figures.values())
