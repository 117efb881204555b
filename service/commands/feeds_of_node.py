"""The feeds of the data folder, for commands: with the agreements of now, and without the models."""

from __future__ import annotations

from service.feeds import Feeds, make_feeds
from service.settings import Settings
from service.storage import open_store, system_clock
from service.telemetry import log
from watchlists.agreements import RuleBook, RuleBookHolder
from watchlists.errors import AgreementInvalid


def feeds_of_node() -> Feeds:
    """Open the data folder. Agreements that change later are followed.

    Raises:
        CrosscheckError: it cannot be opened; the hint says what to do.
    """
    settings = Settings()
    holder = RuleBookHolder(settings.agreements_folder)

    def rules() -> RuleBook:
        try:
            holder.follow()
        except (AgreementInvalid, OSError) as error:
            log.error("agreements not loaded, those in use stay: %s", error)
        return holder.current

    return make_feeds(settings, open_store(settings), rules, system_clock)
