"""A NetBox: what it is asked in its own words, and objects written in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pynetbox.core.query import Request

from zonewright.estate.inventory.errors import InventoryMisuseError
from zonewright.estate.inventory.server import InventoryServer


class Netbox(InventoryServer):
    """A NetBox; its token is of version 1 or 2."""

    product = "NetBox"
    oldest = (4, 2)  # the first version whose prefixes have a scope; older ones answer otherwise
    always = MappingProxyType({"ordering": "id"})

    def _require_product(self, number: tuple[int, ...]) -> None:
        if number < self.oldest and "nautobot-version" in self._status():
            raise InventoryMisuseError(f"{self.url} is a Nautobot; name it with --nautobot in place of --netbox")
        super()._require_product(number)

    def _lighter(self, endpoint: str) -> Mapping[str, str]:
        return {"exclude": "config_context"} if endpoint == "dcim/devices" else {}

    def create(self, endpoint: str, objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Make objects, all or none of each hundred."""
        return [one for part in _parts(objects) for one in self._send("post", endpoint, part)]

    def change(self, endpoint: str, objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Change objects by their ids, all or none of each hundred."""
        return [one for part in _parts(objects) for one in self._send("patch", endpoint, part)]

    def _send(self, verb: str, endpoint: str, data: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        request = Request(base=f"{self.url}/api/{endpoint}/", http_session=self._session, token=self.token)
        with self._told(endpoint):
            answer = request.post(list(data)) if verb == "post" else request.patch(list(data))
            return list(answer) if isinstance(answer, list) else [answer]


def _parts(objects: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Mapping[str, Any]]]:
    for start in range(0, len(objects), 100):
        yield objects[start : start + 100]
