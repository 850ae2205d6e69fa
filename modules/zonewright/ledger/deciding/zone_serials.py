"""The serial numbers of the DNS zones that a stack has in force, read from its files: the next ones must be higher."""

import re
from collections.abc import Mapping

from sqlalchemy import Connection, select

from zonewright.ledger.store.prepared import IS_PRESENT
from zonewright.ledger.store.tables import admission, content
from zonewright.ledger.store.texts import files_of
from zonewright.model.surroundings import ZoneSerial

_ROOTS, _FOLDER, _END = ("sites/", "groups/"), "/etc/bind/zones/", ".zone"
_CONTENT = re.compile(r"^; content (\d+)$", re.MULTILINE)
_SOA = re.compile(r"^@ IN SOA \S+ \S+ (\d+) ", re.MULTILINE)
_PAGE = 500
_MANIFEST = select(content.c.text).join(admission, admission.c.rendered_digest == content.c.digest).where(*IS_PRESENT)


def serials_in_force(connection: Connection, stack_id: str) -> Mapping[str, ZoneSerial]:
    """Content and serial number of each zone of a stack's present admission, by path of its file.

    Args:
        connection: a transaction.
        stack_id: identity of the stack.
    """
    manifest = connection.execute(_MANIFEST, {"stack": stack_id}).scalar()
    zones = {path: digest for path, digest in files_of(manifest).items() if _is_zone(path)}
    texts: dict[str, str] = {}
    wanted = sorted(set(zones.values()))
    for start in range(0, len(wanted), _PAGE):
        page = select(content).where(content.c.digest.in_(wanted[start : start + _PAGE]))
        texts |= {row.digest: row.text for row in connection.execute(page)}
    found = {path: serial_in(texts[digest]) for path, digest in zones.items() if digest in texts}
    return {path: serial for path, serial in found.items() if serial is not None}


def _is_zone(path: str) -> bool:
    return path.startswith(_ROOTS) and path.endswith(_END) and _FOLDER in path


def serial_in(text: str) -> ZoneSerial | None:
    """Content and serial number of a zone's file; of an older version's file the serial number is both."""
    serial, number = _SOA.search(text), _CONTENT.search(text)
    if serial is None:
        return None
    return ZoneSerial(content=int(number[1] if number is not None else serial[1]), serial=int(serial[1]))
