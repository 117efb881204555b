"""`crosscheck webhook` as an operator uses it, and what is on record of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.errors import CrosscheckError
from service.commands.webhook import commands
from service.identity import Caller, WrongRole
from service.roles import Role
from service.webhooks.metrics import WebhookMetrics
from tests.service.recorded import recorded
from tests.service.webhooks.receiver import Receiver, receiving
from tests.service.webhooks.scene import Post


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Commands work on its data folder."""
    monkeypatch.setenv("CROSSCHECK_HOME", str(tmp_path))
    monkeypatch.setenv("CROSSCHECK_WEBHOOK_DANGEROUSLY_PLAIN_ON_LOOPBACK", "true")
    post = Post(tmp_path)
    yield post
    post.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def run(*arguments: str, status: int = 0) -> str:
    result: Result = CliRunner().invoke(commands, arguments, env={"COLUMNS": "300"})
    if isinstance(result.exception, CrosscheckError):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def said(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_an_endpoint_is_added_tried_rotated_paused_and_removed(post: Post, receiver: Receiver) -> None:
    given = said("add", "xb", "desk", receiver.url)
    assert given["scheme"] == "v1"
    assert said("test", "xb", "desk") == {"outcome": "delivered", "status": 204}
    assert receiver.received[0].verified(given["verify_with"])["type"] == "webhook.test"

    rotated = run("rotate", "xb", "desk", "--ed25519").strip()
    assert rotated.startswith("whpk_")
    for command in ("pause", "resume"):
        run(command, "xb", "desk")
        assert said("list")[0]["state"] == {"pause": "paused", "resume": "active"}[command]
    run("remove", "xb", "desk")
    assert said("list", "xb") == []

    events = [event for event in recorded(post.store) if event["kind"].startswith("webhook-")]
    kinds = ["added", "tested", "rotated", "paused", "resumed", "removed"]
    assert [event["kind"] for event in events] == [f"webhook-{kind}" for kind in kinds]
    assert {(event["partner"], event["actor"].split()[1]) for event in events} == {("xb", "webhook")}
    assert given["verify_with"].removeprefix("whsec_") not in json.dumps(events, default=str)


def test_a_test_that_does_not_arrive_has_status_1(post: Post, receiver: Receiver) -> None:
    run("add", "xb", "desk", receiver.url)
    receiver.answers = [503]
    assert run("test", "xb", "desk", status=1).strip() == "refused (503)"


def test_deliveries_are_listed_without_a_secret(post: Post, receiver: Receiver) -> None:
    secret = run("add", "xb", "desk", receiver.url, "--after", "0").strip()
    receiver.answers = [204, 500]
    post.tell(3)
    post.go()
    text, rows = run("deliveries", "xb", "desk"), said("deliveries", "xb")
    assert [(row["number"], row["state"], row["status"]) for row in rows] == [
        (3, "waiting", None),
        (2, "failed", 500),
        (1, "delivered", 204),
    ]
    assert rows[1]["next_try_at"] is not None
    assert "entry-found" in text
    assert secret.removeprefix("whsec_") not in text + json.dumps(rows) + run("list")
    assert run("deliveries", "xa").strip() == "None."
    run("resume", "xb", "desk", "--skip")
    assert said("deliveries", "xb")[1]["state"] == "left-out"


def test_what_cannot_be_is_refused_with_what_to_do(post: Post, receiver: Receiver) -> None:
    run("add", "xb", "desk", receiver.url)
    for arguments, because in (
        (("add", "xb", "desk", receiver.url), "has an endpoint desk"),
        (("add", "xz", "desk", receiver.url), "no partner xz"),
        (("add", "xb", "A desk", receiver.url), "lower-case letters"),
        (("add", "xb", "other", "http://xb.example/"), "in clear"),
        (("rotate", "xa", "desk"), "no endpoint desk"),
        (("deliveries", "xb", "other"), "no endpoint other"),
    ):
        with pytest.raises(CrosscheckError, match=because) as refused:
            run(*arguments)
        assert refused.value.hint
    assert "one of" in run("rotate", "xb", "desk", "--ed25519", "--hmac", status=2)


def test_authorities_that_cannot_be_read_are_named(post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSCHECK_WEBHOOK_AUTHORITIES", str(tmp_path / "none.pem"))
    with pytest.raises(CrosscheckError) as refused:
        run("list")
    assert "CROSSCHECK_WEBHOOK_AUTHORITIES" in refused.value.hint


@pytest.mark.parametrize("role", list(Role))
def test_reviewers_auditors_and_machines_of_a_partner_see_its_deliveries_alone(
    post: Post, receiver: Receiver, role: Role
) -> None:
    post.register(receiver.url)
    post.tell()
    deliveries = post.webhooks.deliveries
    if role in {Role.REVIEWER, Role.AUDITOR, Role.SYNC}:
        ((endpoint, sent),) = deliveries.by_endpoint(Caller("xb", role, "somebody"), 10)
        assert (endpoint.name, [each.number for each in sent]) == ("desk", [1])
        assert deliveries.by_endpoint(Caller("xa", role, "somebody"), 10) == []
    else:
        with pytest.raises(WrongRole):
            deliveries.by_endpoint(Caller("xb", role, "somebody"), 10)


def test_the_operator_is_alarmed_by_what_was_given_up_and_what_waits(post: Post, receiver: Receiver) -> None:
    post.register(receiver.url)
    post.register(receiver.url, "idle", partner="xa")
    receiver.answers = [410]
    post.tell(2)
    post.go()
    found = {
        (sample.name.removeprefix("crosscheck_webhook_"), sample.labels["webhook"]): sample.value
        for metric in WebhookMetrics(post.engine, post.now).collect()
        for sample in metric.samples
    }
    assert (found["parked", "desk"], found["waiting", "desk"]) == (1, 2)
    assert found["oldest_seconds", "desk"] > 0
    assert {found[name, "idle"] for name in ("parked", "waiting", "oldest_seconds")} == {0}
