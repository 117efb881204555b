"""Read an agreement's folder: `agreement.toml`, `rules.cedar`. What is not sound is refused whole, with the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from models.samples import ReasonCode
from watchlists.agreements.duties import Obligation
from watchlists.agreements.emergency import check_emergency
from watchlists.agreements.policies import RULES_CAP, Policy, read_policies
from watchlists.agreements.vocabulary import ROLES, UnsoundRuleError, Words, check_words, context_reads
from watchlists.errors import AgreementInvalid
from watchlists.records import Age

AGREEMENT_FILE: Final = "agreement.toml"
RULES_FILE: Final = "rules.cedar"

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Partner, purpose, category, action, agreement: lower-case letters and digits, joined by single hyphens."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Particulars(BaseModel):
    """The keys of `agreement.toml`; others are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Slug
    title: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    parties: Annotated[list[Slug], Field(min_length=1)]
    version: Annotated[int, Field(ge=1)]
    in_force_from: AwareDatetime
    in_force_until: AwareDatetime | None = None
    supersedes: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*@[1-9][0-9]*$")]] = []
    purposes: Annotated[list[Slug], Field(min_length=1)]
    categories: Annotated[list[Slug], Field(min_length=1)]
    actions: list[Slug] = []
    watchlists: list[Word] = []
    handling: list[Word] = []
    countries: list[Slug] = []
    authorities: list[Slug] = []
    recipients: list[Slug] = []
    priority: list[Slug] = []
    incompatible: list[Annotated[list[Slug], Field(min_length=2, max_length=2)]] = []
    compatibility_cites: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    joint_desk: Annotated[list[Slug], Field(min_length=2)] | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> _Particulars:
        if self.in_force_until is not None and self.in_force_until <= self.in_force_from:
            raise ValueError("in_force_until is not after in_force_from")
        return self

    @model_validator(mode="after")
    def _orders_its_own_categories(self) -> _Particulars:
        named = {*self.priority, *(category for pair in self.incompatible for category in pair)}
        if strange := sorted(named - set(self.categories)):
            raise ValueError(f"priority or incompatible names {strange[0]!r}, which is not one of the categories")
        return self

    @model_validator(mode="after")
    def _seats_its_own_parties(self) -> _Particulars:
        if strange := sorted(set(self.joint_desk or ()) - set(self.parties)):
            raise ValueError(f"joint_desk names {strange[0]!r}, which is not one of the parties")
        if self.joint_desk is not None and len(set(self.joint_desk)) < 2:
            raise ValueError("joint_desk names one party alone")
        return self


@dataclass(frozen=True, eq=False, slots=True)
class Agreement:
    """One version of an agreement, loaded and validated.

    Args:
        in_force_from: from this moment on, and
        in_force_until: before this one, if any, the agreement is in force.
        supersedes: versions, as `id@version`, that are void once this one comes into force.
        purposes, categories: the words that its permits speak of; for any other word nothing is permitted.
        reads: the attributes of the context that its rules read.
        authorities, countries: those that its rules tell apart.
        priority: categories, the one whose action is carried out first at the head.
        incompatible: pairs of categories that one person may not be entered in together.
        compatibility_cites: the article that says so.
        joint_desk: parties whose reviewers share the flags that this agreement alone has decided on; empty for none.
    """

    id: str
    title: str
    parties: frozenset[str]
    version: int
    in_force_from: datetime
    in_force_until: datetime | None
    supersedes: frozenset[str]
    purposes: frozenset[str]
    categories: frozenset[str]
    policies: tuple[Policy, ...]
    reads: frozenset[str]
    authorities: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    priority: tuple[str, ...] = ()
    incompatible: frozenset[frozenset[str]] = frozenset()
    compatibility_cites: str | None = None
    joint_desk: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    @property
    def text(self) -> str:
        """All that decides, in one order: equal texts lead to equal decisions while both are in force."""
        words = (self.parties, self.purposes, self.categories)
        lists = (" ".join(names) for names in (*map(sorted, words), self.priority))
        return "\0".join((self.name, *lists, *(policy.text for policy in self.policies)))

    @property
    def whole(self) -> str:
        """All that was agreed, in one order: also when it is in force, and who reviews together."""
        until = "" if self.in_force_until is None else self.in_force_until.isoformat()
        lists = self.supersedes, self.authorities, self.countries, self.joint_desk
        pairs = sorted(" ".join(sorted(pair)) for pair in self.incompatible)
        times = self.in_force_from.isoformat(), until
        words = (" ".join(sorted(names)) for names in lists)
        return "\0".join((self.text, self.title, *times, *words, self.compatibility_cites or "", *pairs))

    def in_force(self, now: datetime) -> bool:
        """Whether its time has come and not passed. The rule book knows of successors."""
        return self.in_force_from <= now and (self.in_force_until is None or now < self.in_force_until)

    def lists(self, purpose: str | None, category: str) -> bool:
        """Whether its permits speak of these words; None where there is no purpose."""
        return (purpose is None or purpose in self.purposes) and category in self.categories


def load_agreement(folder: Path) -> Agreement:
    """Load and validate one agreement.

    Raises:
        AgreementInvalid: names the file, the line where it is known, and what to mend.
    """
    particulars = _read_particulars(folder)
    file = f"{folder.name}/{RULES_FILE}"
    policies = read_policies(read_text(folder / RULES_FILE), file)
    _check_rules(policies, particulars, file)
    return Agreement(
        id=particulars.id,
        title=particulars.title,
        parties=frozenset(particulars.parties),
        version=particulars.version,
        in_force_from=particulars.in_force_from,
        in_force_until=particulars.in_force_until,
        supersedes=frozenset(particulars.supersedes),
        purposes=frozenset(particulars.purposes),
        categories=frozenset(particulars.categories),
        policies=policies,
        reads=frozenset[str]().union(*(context_reads(policy.tree) for policy in policies)),
        authorities=frozenset(particulars.authorities),
        countries=frozenset(particulars.countries),
        priority=tuple(particulars.priority),
        incompatible=frozenset(frozenset(pair) for pair in particulars.incompatible),
        compatibility_cites=particulars.compatibility_cites,
        joint_desk=frozenset(particulars.joint_desk or ()),
    )


def load_agreements(root: Path) -> tuple[Agreement, ...]:
    """Load every agreement of a data folder: each folder in `root` that does not start with a dot, by name.

    One that is not sound refuses all of them: to leave it out would leave out its forbids.

    Raises:
        AgreementInvalid: for the first folder that is not sound.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return tuple(load_agreement(folder) for folder in folders)


def read_text(path: Path, cap: int = RULES_CAP) -> str:
    """A file of an agreement's folder, at most `cap` bytes of UTF-8.

    Raises:
        AgreementInvalid: it cannot be read, is too large, or is not text.
    """
    file = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as stream:
            content = stream.read(cap + 1)
    except OSError as error:
        raise AgreementInvalid(
            file,
            f"cannot be read: {error.strerror}",
            hint=f"An agreement's folder holds {AGREEMENT_FILE} and {RULES_FILE}.",
        ) from error
    if len(content) > cap:
        raise AgreementInvalid(file, f"is larger than {cap} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AgreementInvalid(file, "is not UTF-8 text", line=content.count(b"\n", 0, error.start) + 1) from error


def _read_particulars(folder: Path) -> _Particulars:
    file = f"{folder.name}/{AGREEMENT_FILE}"
    text = read_text(folder / AGREEMENT_FILE)
    try:
        return _Particulars.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise AgreementInvalid(file, f"is not TOML: {error}") from error
    except RecursionError as error:
        raise AgreementInvalid(file, "lists are nested too deep") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        key = str(first["loc"][0]) if first["loc"] else message.split()[0]  # our own complaints begin with the key
        raise AgreementInvalid(file, f"{key}: {first['msg']}", line=_line_of(key, text)) from error


def _line_of(key: str, text: str) -> int | None:
    found = re.search(rf"^\s*{re.escape(key)}\s*=", text, re.MULTILINE)
    return None if found is None else text.count("\n", 0, found.end()) + 1


def _check_rules(policies: tuple[Policy, ...], particulars: _Particulars, file: str) -> None:
    known = _vocabulary(particulars)
    for policy in policies:
        try:
            check_words(policy.tree, known)
            _check_downgrade(policy, known["resource.action"])
            check_emergency(policy)
        except UnsoundRuleError as error:
            raise AgreementInvalid(file, f"{policy.id}: {error}", line=policy.line, hint=error.hint) from error


def _vocabulary(particulars: _Particulars) -> Mapping[str, Words]:
    parties, countries = Words(particulars.parties, "parties"), Words(particulars.countries, "countries")
    actions = Words(particulars.actions, "actions")
    return {
        "principal.partner": parties,
        "principal.country": countries,
        "principal.role": Words(ROLES),
        "principal.authority": Words(particulars.authorities, "authorities"),
        "context.purpose": Words(particulars.purposes, "purposes"),
        "resource.owner": parties,
        "resource.category": Words(particulars.categories, "categories"),
        "resource.action": actions,
        "resource.watchlist": Words(particulars.watchlists, "watchlists"),
        "resource.handling": Words(particulars.handling, "handling"),
        "resource.excluded": Words((*parties.words, *countries.words), "countries"),
        "resource.flagged_by": parties,
        "resource.age": Words(tuple(Age)),
        "context.action": actions,
        "context.recipient": Words(particulars.recipients, "recipients"),
        "context.recipient_country": countries,
        "context.warnings": Words(tuple(ReasonCode)),
    }


def _check_downgrade(policy: Policy, actions: Words) -> None:
    chains = (duty.value for duty in policy.duties if duty.obligation is Obligation.DOWNGRADE)
    for action in (action for chain in chains if isinstance(chain, tuple) for action in chain):
        if action not in actions.words:
            raise actions.refusal("downgrade names", action)
