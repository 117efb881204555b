"""Who a user is: the partner it belongs to, and a name that is unique there. Written `partner/name`."""

from __future__ import annotations

from dataclasses import dataclass

from service.identity import CODE, NAME, InvalidName


@dataclass(frozen=True, slots=True)
class UserId:
    """Of one partner, and of no other: who works for two has two users."""

    partner: str
    name: str

    @classmethod
    def parse(cls, text: str) -> UserId:
        """Read `partner/name`. Names are compared in lower case, so that nobody signs in as almost somebody else.

        Raises:
            InvalidName: it is not of that form.
        """
        partner, _, name = text.strip().lower().partition("/")
        if not (CODE.fullmatch(partner) and NAME.fullmatch(name)):
            raise InvalidName(
                "a user is named as partner/name; the name is letters, digits, dots, dashes and underscores",
                hint="Name the user as in xa/ada.",
            )
        return cls(partner, name)

    def __str__(self) -> str:
        return f"{self.partner}/{self.name}"
