"""The audit log: what everybody did, written down with the deed, in a tree that proves it later, even against us.

docs/audit.md says what is proved to whom.
"""

from service.audit.events import Actor, Detail, Details, Event, EventKind
from service.audit.log import AuditLog, open_log, record, record_all
from service.audit.signatures import Head, PublicKeys, Receipt

__all__ = [
    "Actor",
    "AuditLog",
    "Detail",
    "Details",
    "Event",
    "EventKind",
    "Head",
    "PublicKeys",
    "Receipt",
    "open_log",
    "record",
    "record_all",
]
