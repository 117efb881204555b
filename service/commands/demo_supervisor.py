"""A supervisor for the demo alone, in its throwaway folder, with a password and a second factor that are printed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyotp

from service.roles import Role
from service.settings import Settings
from service.storage import open_store, system_clock
from service.users.names import UserId
from service.users.people import make_people
from service.users.place import Place

NAME: Final = "xa/supervisor"


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Args: user: to sign in as. secret: of the authenticator app, in base32."""

    user: str
    password: str = field(repr=False)
    secret: str = field(repr=False)


def add_supervisor(folder: Path, url: str) -> Supervisor:
    """Let somebody review the flags of XA, on the data folder of a demo.

    Args:
        folder: of the demo; its data folder is `home`.
        url: where the service is.
    """
    settings = Settings(home=folder / "home")
    store = open_store(settings)
    people = make_people(store, system_clock, settings.answer_within)
    place, password = Place.of_origin(url), secrets.token_urlsafe(12)
    code = people.register.add(UserId.parse(NAME), (Role.REVIEWER,))
    people.enrolling.choose_password(code, password)
    setup = people.enrolling.look(code, place).setup
    shown = pyotp.TOTP(setup.totp_secret).at(system_clock())
    people.enrolling.set_up(code, {"code": shown}, place)
    store.engine.dispose()
    return Supervisor(NAME, password, setup.totp_secret)
