"""Every command and every call leaves an event, or a reason is given here why it does not.

Whoever adds a command or a route adds its line: the kinds of events it leaves, or why there is nothing to record.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from fastapi import APIRouter
from fastapi.routing import APIRoute
from typer.testing import CliRunner

import service.api
import service.pages
from service.audit.events import EventKind
from service.cli import COMMANDS
from service.settings import Settings
from service.storage import make_data_folder, open_store
from tests.service.recorded import recorded

Left = tuple[EventKind, ...] | str
"""Kinds of events, or a reason."""

NOTHING_CHANGES: Final = "it shows how things stand at this node, and nothing of a person"
OWN_MACHINE: Final = "it works on files of whoever calls it, without a node"
OVER_HTTP: Final = "it is a client: the node records the calls"
MEASURES: Final = "it measures on a node of its own, which is thrown away"
PROOFS: Final = "it tells how many entries there are and proves what was said: nothing of what is in them"
HALFWAY: Final = "it begins what a form after it ends, and that is recorded"
FRAME: Final = "pages and files that are the same for everybody"

K = EventKind
COMMANDS_LEAVE: Final[dict[str, Left]] = {
    "demo": MEASURES,
    "init": (K.LOG_STARTED, K.PARTNER_ADDED, K.TOKEN_ISSUED),
    "serve": (K.AGREEMENTS_LOADED,),
    "doctor": NOTHING_CHANGES,
    "models prepare": OWN_MACHINE,
    "models list": OWN_MACHINE,
    "partner add": (K.PARTNER_ADDED,),
    "partner country": (K.PARTNER_CHANGED,),
    "partner list": NOTHING_CHANGES,
    "token issue": (K.TOKEN_ISSUED,),
    "token revoke": (K.TOKEN_REVOKED,),
    "token list": NOTHING_CHANGES,
    "terminal key": OWN_MACHINE,
    "terminal add": (K.MACHINE_KEY_ADDED,),
    "terminal rotate": (K.MACHINE_KEY_ADDED,),
    "terminal revoke": (K.MACHINE_KEY_REVOKED,),
    "terminal list": NOTHING_CHANGES,
    "user add": (K.USER_ADDED,),
    "user invite": (K.USER_INVITED,),
    "user reset-second-factor": (K.SECOND_FACTOR_RESET,),
    "user disable": (K.USER_DISABLED,),
    "user enable": (K.USER_ENABLED,),
    "user sessions": NOTHING_CHANGES,
    "user sign-out": (K.SIGNED_OUT,),
    "user list": NOTHING_CHANGES,
    "backup": (K.BACKUP_MADE,),
    "restore": (K.BACKUP_RESTORED,),
    "key rotate": (K.OWNER_KEY_ROTATED, K.ROOT_KEY_CHANGED),
    "feed key": OWN_MACHINE,
    "feed rotate": (K.FEED_ROOT_PUBLISHED,),
    "feed sign": OWN_MACHINE,
    "feed publish": (K.FEED_ROOT_PUBLISHED,),
    "feed root": NOTHING_CHANGES,
    "feed receive": (K.FEED_KEY_MADE,),
    "feed allow": (K.FEED_ALLOWED,),
    "feed subscribe": (K.FEED_SUBSCRIBED,),
    "feed unsubscribe": (K.FEED_UNSUBSCRIBED,),
    "feed status": NOTHING_CHANGES,
    "feed withheld": NOTHING_CHANGES,
    "sync": (K.FEED_PAGE_APPLIED,),
    "audit verify": "the operator proves the log; what it says is shown to nobody",
    "audit prove": OWN_MACHINE,
    "audit part": OWN_MACHINE,
    "audit export": (K.LOG_EXPORTED,),
    "audit head": "a signed head is itself on record, with the time",
    "audit key": NOTHING_CHANGES,
    "audit witness add": (K.WITNESS_REGISTERED,),
    "audit witness withdraw": (K.WITNESS_WITHDRAWN,),
    "webhook add": (K.WEBHOOK_ADDED,),
    "webhook list": NOTHING_CHANGES,
    "webhook rotate": (K.WEBHOOK_ROTATED,),
    "webhook pause": (K.WEBHOOK_PAUSED,),
    "webhook resume": (K.WEBHOOK_RESUMED,),
    "webhook remove": (K.WEBHOOK_REMOVED,),
    "webhook test": (K.WEBHOOK_TESTED,),
    "webhook deliveries": NOTHING_CHANGES,
    "watchlist import": OVER_HTTP,
    "watchlist list": OVER_HTTP,
    "watchlist withdraw": OVER_HTTP,
    "agreements check": OWN_MACHINE,
    "agreements explain": OWN_MACHINE,
    "agreements list": NOTHING_CHANGES,
    "evaluate faces": OWN_MACHINE,
    "evaluate fingerprints": OWN_MACHINE,
    "bench checks": MEASURES,
    "bench fingerprints": MEASURES,
    "bench attack": MEASURES,
    "bench rules": MEASURES,
    "bench custody": MEASURES,
    "bench audit": MEASURES,
    "bench load": MEASURES,
}

CANDIDATE: Final = "/review/flags/{flag_id}/candidates/{candidate_id}"
CALLS_LEAVE: Final[dict[str, Left]] = {
    "POST /v1/match": (K.CHECK_ANSWERED, K.CHECK_REPEATED, K.FLAG_OPENED, K.ENTRY_FOUND, K.PROBING_SUSPECTED),
    "POST /v1/verify": (K.SAMPLES_COMPARED,),
    "GET /v1/watchlists": NOTHING_CHANGES,
    "PUT /v1/watchlists/{watchlist}": (K.WATCHLIST_PUT,),
    "PUT /v1/watchlists/{watchlist}/entries/{entry}": (K.ENTRIES_PUT,),
    "GET /v1/watchlists/{watchlist}/entries/{entry}": (K.ENTRY_READ,),
    "DELETE /v1/watchlists/{watchlist}/entries/{entry}": (K.ENTRY_WITHDRAWN,),
    "POST /v1/watchlists/{watchlist}/entries/{entry}/purpose-achieved": (K.PURPOSE_ACHIEVED,),
    "POST /v1/watchlists/{watchlist}/entries:import": (K.ENTRIES_PUT,),
    "GET /v1/watchlists/{watchlist}/quarantine": "an owner sees which of its own entries wait, by name and reason",
    "GET /v1/watchlists/{watchlist}/changes": (K.FEED_PAGE_SENT,),
    "GET /v1/watchlists/{watchlist}/changes/timestamp": "it says up to where a feed goes, and no more",
    "GET /v1/watchlists/{watchlist}/changes/roots/{version}": "public keys",
    "GET /v1/agreements": NOTHING_CHANGES,
    "PUT /v1/authorisations/{authorisation}": (K.AUTHORISATION_GRANTED,),
    "DELETE /v1/authorisations/{authorisation}": (K.AUTHORISATION_WITHDRAWN,),
    "PUT /v1/emergencies/{emergency}": (K.EMERGENCY_DECLARED,),
    "DELETE /v1/emergencies/{emergency}": (K.EMERGENCY_ENDED,),
    "GET /v1/notices": (K.NOTICES_READ,),
    "GET /v1/checks/{check_id}": (K.DISCLOSURE_FETCHED,),
    "GET /v1/flags": "which flags a desk has, and nothing of whom they are about",
    "GET /v1/flags/{flag_id}": (K.FLAG_READ,),
    "POST /v1/flags/{flag_id}/verdicts": (
        K.VERDICT_GIVEN,
        K.REVIEW_CONCLUDED,
        K.DISCLOSURE_RELEASED,
        K.DISCLOSURE_WITHHELD,
    ),
    "POST /v1/flags/{flag_id}/waivers": (K.REVIEWER_WAIVED,),
    "POST /v1/flags/{flag_id}/authorisations": (K.AUTHORISED_AFTERWARDS, K.REFUSED_AFTERWARDS),
    "GET /v1/releases": "what an owner is asked for: which of its own alerts, by whom",
    "POST /v1/releases/{candidate_id}": (K.RELEASE_GRANTED, K.RELEASE_REFUSED),
    "GET /v1/audit/events": (K.LOG_READ,),
    "GET /v1/audit/proof/inclusion": (K.LOG_READ,),
    "GET /v1/audit/proof/consistency": PROOFS,
    "GET /v1/audit/part": PROOFS,
    "GET /v1/audit/keys": "public keys",
    "GET /v1/audit/heads/latest": PROOFS,
    "GET /v1/audit/heads/{size}": PROOFS,
    "POST /v1/audit/heads/{size}/countersignatures": "it is evidence itself; an event of it would need the next",
    "GET /healthz": NOTHING_CHANGES,
    "GET /readyz": NOTHING_CHANGES,
    "GET /metrics": NOTHING_CHANGES,
    "GET /sign-in": FRAME,
    "POST /sign-in": (K.SIGN_IN_FAILED, K.SIGN_IN_HELD_OFF),
    "GET /sign-in/second-factor": FRAME,
    "POST /sign-in/second-factor": (K.SIGNED_IN, K.SIGN_IN_FAILED),
    "POST /sign-out": (K.SIGNED_OUT,),
    "GET /enrol/{code}": HALFWAY,
    "POST /enrol/{code}/password": (K.USER_ENROLLED,),
    "POST /enrol/{code}/second-factor": (K.USER_ENROLLED,),
    "GET /account": "one's own account",
    "POST /account/password": (K.PASSWORD_CHANGED,),
    "POST /account/second-factor/begin": HALFWAY,
    "GET /account/second-factor": HALFWAY,
    "POST /account/second-factor": (K.SECOND_FACTOR_ADDED,),
    "POST /account/second-factor/remove": (K.SECOND_FACTOR_REMOVED,),
    "POST /account/sessions/end": (K.SIGNED_OUT,),
    "GET /review": "which flags a desk has, and nothing of whom they are about",
    "GET /review/list": "which flags a desk has, and nothing of whom they are about",
    "GET /review/changes": "that something has changed, and not what",
    "GET /review/flags/{flag_id}": (K.FLAG_READ,),
    f"GET {CANDIDATE}/pictures/{{side}}/{{number}}/{{cut}}": (K.CANDIDATE_COMPARED,),
    f"POST {CANDIDATE}/verdict": (K.VERDICT_GIVEN,),
    f"GET {CANDIDATE}/waiver": FRAME,
    f"POST {CANDIDATE}/waiver": (K.REVIEWER_WAIVED,),
    f"GET {CANDIDATE}/authorisation": FRAME,
    f"POST {CANDIDATE}/authorisation": (K.AUTHORISED_AFTERWARDS, K.REFUSED_AFTERWARDS),
    "GET /review/requests": (K.NOTICES_READ,),
    "POST /review/requests/releases/{candidate_id}": (K.RELEASE_GRANTED, K.RELEASE_REFUSED),
    "POST /review/requests/authorisations": (K.AUTHORISATION_GRANTED, K.AUTHORISATION_DECLINED),
    "GET /review/webhooks": "what became of notices, without what they say",
    "GET /review/log": (K.LOG_READ,),
    "GET /static/{version}/{name}": FRAME,
    "GET /": FRAME,
}

UNASKED: Final = {
    K.AUTHORISATION_REQUESTED: "a check without the owner's authorisation",
    K.DUTY_LAPSED: "housekeeping",
    K.FLAG_ESCALATED: "housekeeping",
    K.DISCLOSURE_VOIDED: "housekeeping",
    K.ENTRIES_AGED: "housekeeping",
    K.ENTRIES_EXPIRED: "housekeeping",
    K.ENTRIES_RESCHEDULED: "housekeeping",
    K.WEBHOOK_PARKED: "the courier",
    K.PROBE_KEPT: "the opener of flags",
    K.PROBE_DESTROYED: "housekeeping",
}
"""Kinds that no command and no call leaves by itself."""


def commands() -> Iterator[str]:
    for name, entry in COMMANDS.items():
        module = importlib.import_module(f"service.commands.{entry.module}")
        yield from _below(typer.main.get_command(module.commands), name)


def _below(command: Any, name: str) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name
    else:
        for each, below in inner.items():
            yield from _below(below, f"{name} {each}")


def calls() -> Iterator[str]:
    for package in (service.api, service.pages):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            router = getattr(importlib.import_module(found.name), "router", None)
            if isinstance(router, APIRouter):
                routes = [route for route in router.routes if isinstance(route, APIRoute)]
                yield from (f"{method} {route.path}" for route in routes for method in route.methods or ())


def test_every_command_leaves_an_event_or_says_why_not() -> None:
    assert sorted(set(commands())) == sorted(COMMANDS_LEAVE)


def test_every_call_leaves_an_event_or_says_why_not() -> None:
    assert sorted(set(calls())) == sorted(CALLS_LEAVE)


def test_every_kind_of_event_is_left_by_something() -> None:
    left = {
        kind for said in (*COMMANDS_LEAVE.values(), *CALLS_LEAVE.values()) for kind in said if isinstance(said, tuple)
    }
    assert [kind for kind in EventKind if kind not in left and kind not in UNASKED] == []


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder that commands work on."""
    home = tmp_path_factory.mktemp("recorded") / "home"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CROSSCHECK_HOME", str(home))
        make_data_folder(Settings())
        yield home


TRIED: Final = [
    "partner add xa State --country xa",
    "partner add xb State --country xb",
    "partner country xb --country xc",
    "token issue xa terminal gate",
    "token revoke gate",
    "user add xa/ada reviewer",
    "user invite xa/ada",
    "user disable xa/ada",
    "user enable xa/ada",
    "feed rotate --owner xa",
    "feed receive --receiver xa",
    f"audit witness add xa {'ab' * 32}",
    f"audit witness withdraw xa {'ab' * 32}",
    "webhook add xa desk https://xa.example/hook",
    "webhook rotate xa desk",
    "webhook pause xa desk",
    "webhook resume xa desk",
    "webhook remove xa desk",
]
"""In this order, on one data folder."""


def test_commands_leave_in_the_log_what_is_said_here(home: Path) -> None:
    store = open_store(Settings())
    assert [event["kind"] for event in recorded(store)] == [K.LOG_STARTED]
    for line in TRIED:
        words, before = line.split(), len(recorded(store))
        module = importlib.import_module(f"service.commands.{COMMANDS[words[0]].module}")
        result = CliRunner().invoke(module.commands, words[1:])
        assert result.exit_code == 0, (line, result.output, result.exception)
        (name,) = [name for name in COMMANDS_LEAVE if f"{line} ".startswith(f"{name} ")]
        left = [event["kind"] for event in recorded(store)[before:]]
        assert left == [str(kind) for kind in COMMANDS_LEAVE[name]], line
    store.engine.dispose()
