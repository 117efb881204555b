"""The cases of an agreement, `cases.yaml`: what the parties agreed must happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from watchlists.agreements.actions import Deed
from watchlists.agreements.case_format import About, Asks, CaseText, Expect, With
from watchlists.agreements.entering import COMPATIBILITY
from watchlists.agreements.facts import Request
from watchlists.agreements.load import Agreement, read_text
from watchlists.agreements.located_yaml import Located, YamlRefusedError, read_yaml
from watchlists.agreements.policies import refuse_hidden_characters
from watchlists.errors import AgreementInvalid
from watchlists.records import VisibilityClass

CASES_FILE: Final = "cases.yaml"
CASES_CAP: Final = 1 << 18
"""Bytes of the file; a case takes some three hundred."""

_HINT: Final = "docs/agreements.md describes each key of a case."
_CASES: Final = TypeAdapter(list[CaseText])
_BLOCKS: Final[Mapping[str, type[BaseModel]]] = {"asks": Asks, "about": About, "with": With, "expect": Expect}


@dataclass(frozen=True, slots=True)
class Case:
    """One case, ready to be asked.

    Args:
        sentence: what must happen, in words.
        clauses: the articles that say so.
        line: where it begins in `cases.yaml`, from 1.
        deed: what is to be done; None for a hit with `score`.
        coming_with: what else the deed comes with.
        at: when.
    """

    sentence: str
    clauses: tuple[str, ...]
    line: int
    request: Request
    klass: VisibilityClass
    deed: Deed | None
    coming_with: With
    score: float
    at: datetime
    expect: Expect


def load_cases(folder: Path, agreement: Agreement) -> tuple[Case, ...]:
    """Read `cases.yaml` of an agreement's folder; none if there is no such file.

    Raises:
        AgreementInvalid: it cannot be used as it is; names the line and what to mend.
    """
    if not (folder / CASES_FILE).exists():
        return ()
    file = f"{folder.name}/{CASES_FILE}"
    text = read_text(folder / CASES_FILE, CASES_CAP)
    refuse_hidden_characters(text, file)
    try:
        located = read_yaml(text)
        written = _CASES.validate_python(located.value)
    except YamlRefusedError as error:
        raise AgreementInvalid(file, str(error), line=error.line, hint=_HINT) from error
    except ValidationError as error:
        raise _refusal(error, located, file) from error
    _check_rule_names(written, agreement, located, file)
    return tuple(_case(each, located.line_of((at,)), agreement) for at, each in enumerate(written))


def _case(written: CaseText, line: int, agreement: Agreement) -> Case:
    klass = written.about.klass()
    return Case(
        sentence=written.case,
        clauses=tuple(written.clause),
        line=line,
        request=written.asks.request(klass.owner, agreement.id),
        klass=klass,
        deed=written.deed,
        coming_with=written.with_,
        score=written.score,
        at=written.at or agreement.in_force_from,
        expect=written.expect,
    )


def _refusal(error: ValidationError, located: Located, file: str) -> AgreementInvalid:
    found = error.errors(include_url=False, include_input=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])  # it explains what is missing
    loc = first["loc"]
    words = [part for part in loc[1:] if isinstance(part, str)]
    where = ".".join(words[:2])
    if first["type"] == "extra_forbidden":
        reason = f"unknown key {where!r}; the known ones are {', '.join(_keys_beside(words))}"
    elif first["type"] == "missing":
        reason = f"{where} is missing"
    elif not loc:
        reason = "the file holds a list of cases: each begins with a hyphen"
    else:
        message = str(first["msg"]).removeprefix("Value error, ")
        reason = f"{where}: {message}" if words else message
    return AgreementInvalid(file, reason, line=located.line_of(loc), hint=_HINT)


def _keys_beside(words: list[str]) -> list[str]:
    block = _BLOCKS[words[0]] if len(words) > 1 else CaseText
    return [field.alias or name for name, field in block.model_fields.items()]


def _check_rule_names(written: list[CaseText], agreement: Agreement, located: Located, file: str) -> None:
    known = {policy.id for policy in agreement.policies}
    known |= {COMPATIBILITY} if agreement.incompatible else set()
    for at, case in enumerate(written):
        for name in case.expect.because:
            if name not in known:
                line = located.line_of((at, "expect", "because"))
                raise AgreementInvalid(file, f"expect.because: no rule has the id {name!r}", line=line, hint=_HINT)
