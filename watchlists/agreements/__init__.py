"""Agreements: the data-handling rules between partners, loaded, validated, decided and explained."""

from watchlists.agreements.actions import Deed, Extra
from watchlists.agreements.calendar import Status
from watchlists.agreements.decide import RuleBook
from watchlists.agreements.disclosure import (
    NOTHING,
    Clause,
    Disclosure,
    FullCandidate,
    Later,
    MaskedCandidate,
    mask,
    tenths,
)
from watchlists.agreements.duties import Duty, Obligation, ScoreForm
from watchlists.agreements.facts import Request
from watchlists.agreements.holder import RuleBookHolder
from watchlists.agreements.levels import Level
from watchlists.agreements.load import Agreement, load_agreement, load_agreements
from watchlists.agreements.ruling import Ruling
from watchlists.agreements.standing import Demand, Quota, Standing
from watchlists.agreements.terms import Terms

__all__ = [
    "NOTHING",
    "Agreement",
    "Clause",
    "Deed",
    "Demand",
    "Disclosure",
    "Duty",
    "Extra",
    "FullCandidate",
    "Later",
    "Level",
    "MaskedCandidate",
    "Obligation",
    "Quota",
    "Request",
    "RuleBook",
    "RuleBookHolder",
    "Ruling",
    "ScoreForm",
    "Standing",
    "Status",
    "Terms",
    "load_agreement",
    "load_agreements",
    "mask",
    "tenths",
]
