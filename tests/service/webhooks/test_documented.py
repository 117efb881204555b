"""docs/operations.md says what a receiver may answer, and what an operator may be alarmed by."""

from __future__ import annotations

from pathlib import Path

from service.settings import Settings
from service.webhooks.metrics import WebhookMetrics
from service.webhooks.transport import Outcome
from tests.service.webhooks.scene import Post

SECTION = (
    (Path(__file__).parents[3] / "docs" / "operations.md")
    .read_text("utf-8")
    .partition("## Webhooks\n")[2]
    .split("\n## ")[0]
)


def test_every_outcome_is_explained() -> None:
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in SECTION] == []


def test_every_setting_is_named() -> None:
    names = [f"CROSSCHECK_{name.upper()}" for name in Settings.model_fields if name.startswith("webhook_")]
    assert len(names) == 3
    assert [name for name in names if name not in SECTION] == []


def test_every_metric_has_its_alarm(tmp_path: Path) -> None:
    post = Post(tmp_path)
    post.register("http://127.0.0.1:1/hook")
    names = [metric.name for metric in WebhookMetrics(post.engine, post.now).collect()]
    post.close()
    assert len(names) == 3
    assert [name for name in names if f"`{name}`" not in SECTION] == []
