"""When which agreements are in force: from moment to moment, with versions that supersede one another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from watchlists.agreements.load import Agreement
from watchlists.errors import AgreementInvalid


class Status(StrEnum):
    """Where an agreement stands at some moment. `ENDED` also if its successor has begun."""

    FUTURE = "future"
    IN_FORCE = "in-force"
    ENDED = "ended"


class Calendar:
    """The agreements in force, by epoch: between two epochs lies a moment at which one begins or ends.

    Raises:
        AgreementInvalid: two versions of one agreement would be in force together, or one supersedes an agreement
            between others.
    """

    def __init__(self, agreements: Iterable[Agreement]) -> None:
        self.agreements = tuple(sorted(agreements, key=lambda agreement: (agreement.id, agreement.version)))
        _check_succession(self.agreements)
        moments = {agreement.in_force_from for agreement in self.agreements}
        moments |= {agreement.in_force_until for agreement in self.agreements if agreement.in_force_until is not None}
        self._moments = sorted(moments)
        self._epochs = [(), *(self._in_force(moment) for moment in self._moments)]
        for in_force in self._epochs:
            _check_versions(in_force)

    def epoch(self, now: datetime) -> int:
        """The number of the epoch that `now` lies in.

        Raises:
            ValueError: `now` is naive.
        """
        if now.tzinfo is None:
            raise ValueError("the moment of a decision must know its time zone")
        return bisect_right(self._moments, now)

    def in_force(self, epoch: int) -> tuple[Agreement, ...]:
        """The agreements in force in an epoch, by id."""
        return self._epochs[epoch]

    def status(self, agreement: Agreement, now: datetime) -> Status:
        """Whether an agreement of this calendar is in force, will be, or no longer is.

        Raises:
            ValueError: `now` is naive.
        """
        if agreement in self.in_force(self.epoch(now)):
            return Status.IN_FORCE
        begun = now >= agreement.in_force_from or agreement.name in self._superseded(now)
        return Status.ENDED if begun else Status.FUTURE

    def ends_at(self, agreement: Agreement) -> datetime | None:
        """When an agreement ceases to be in force, by its own word or a successor's; None if it never does."""
        successors = (each.in_force_from for each in self.agreements if agreement.name in each.supersedes)
        return min((moment for moment in (agreement.in_force_until, *successors) if moment is not None), default=None)

    def heirs(self, names: Iterable[str], epoch: int) -> frozenset[Agreement]:
        """Of the agreements in force in an epoch, those of these names (`id@version`) and those that replace one.

        An agreement is replaced by another version of it, and by one that supersedes it, directly or through others.
        """
        replaced, ids = set(names), {name.partition("@")[0] for name in names}
        for each in sorted(self.agreements, key=lambda agreement: agreement.in_force_from):
            if each.id in ids or each.supersedes & replaced:
                replaced.add(each.name)
        return frozenset(each for each in self.in_force(epoch) if each.name in replaced)

    def _in_force(self, moment: datetime) -> tuple[Agreement, ...]:
        void = self._superseded(moment)
        return tuple(each for each in self.agreements if each.in_force(moment) and each.name not in void)

    def _superseded(self, moment: datetime) -> set[str]:
        return {name for each in self.agreements if each.in_force_from <= moment for name in each.supersedes}


def _check_succession(agreements: tuple[Agreement, ...]) -> None:
    by_name = {agreement.name: agreement for agreement in agreements}
    if len(by_name) != len(agreements):
        raise AgreementInvalid(
            "agreements", "the same version of an agreement is there twice", hint="Remove one of the folders."
        )
    for agreement in agreements:
        for name in agreement.supersedes & by_name.keys():
            if not by_name[name].parties <= agreement.parties:
                raise AgreementInvalid(
                    agreement.name, f"cannot supersede {name}: not all of its parties are parties here"
                )


def _check_versions(in_force: Iterable[Agreement]) -> None:
    for earlier, later in pairwise(in_force):
        if earlier.id == later.id:
            hint = f'Add supersedes = ["{earlier.name}"] to the later version, or end the earlier one before it begins.'
            raise AgreementInvalid(later.name, f"would be in force together with {earlier.name}", hint=hint)
