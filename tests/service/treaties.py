"""Agreements that tests sign on a node, beside the sample ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.service.node import Node

PURPOSES = ("border-check", "asylum", "crime", "manhunt")


def permit(action: str, obligations: str = "", when: str = "true") -> str:
    """A permit named after its action, such as "see-hit"; it speaks of other partners' alerts alone."""
    duties = f'@obligations("{obligations}")\n' if obligations else ""
    name = action.replace(" ", "-")
    condition = f"principal.partner != resource.owner && {when}"
    return (
        f'@id("{name}")\n{duties}permit (principal, action == Action::"{action}", resource)\nwhen {{ {condition} }};\n'
    )


def sign(node: Node, *rules: str, name: str = "treaty", parties: Sequence[str] = ("xa", "xb"), **more: str) -> None:
    """Write an agreement into the node's folder, or another text of it, and bring it into force."""
    write_treaty(node.home / "agreements" / name, *rules, parties=parties, **more)
    node.runtime.rules.reload()


def write_treaty(folder: Path, *rules: str, parties: Sequence[str], **more: str) -> None:
    """Write an agreement of the folder's name."""
    keys: dict[str, Any] = {
        "id": f'"{folder.name}"',
        "title": '"Test"',
        "parties": list(parties),
        "version": 1,
        "in_force_from": "2020-01-01T00:00:00Z",
        "purposes": list(PURPOSES),
        "categories": ["wanted", "missing-person"],
    }
    folder.mkdir(exist_ok=True)
    lines = [f"{key} = {value}" for key, value in (keys | more).items()]
    (folder / "agreement.toml").write_text("\n".join(lines), "utf-8")
    (folder / "rules.cedar").write_text("\n".join(rules), "utf-8")


def notices(node: Node, partner: str, kind: str | None = None) -> list[dict[str, Any]]:
    """What a partner was told once all flags are open, as its supervisor reads it."""
    node.settle()
    response = node.call(f"{partner}-reviewer", "GET", "/v1/notices")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["notices"]
    return [notice for notice in found if kind in {None, notice["kind"]}]
