"""``python -m support.fake_bmc PORT WATTS STATE``: a BMC of pyghmi that answers DCMI's power reading (for ipmitool)."""

import struct
import sys
from typing import Any

from pyghmi.ipmi import bmc

USER, PASSWORD = "gateway", "a-word-of-it"
_GROUP_EXTENSION, _POWER_READING, _DCMI = 0x2C, 0x02, 0xDC


class Bmc(bmc.Bmc):  # type: ignore[misc] # the library has no types
    """Answers one command beside those of the library."""

    def __init__(self, port: int, watts: int, state: int) -> None:
        super().__init__({USER: PASSWORD}, port=port, address="127.0.0.1")
        self._data = struct.pack("<BHHHHIIB", _DCMI, watts, watts, watts, watts, 0, 1_000, state)

    def handle_raw_request(self, request: Any, session: Any) -> Any:
        """A command."""
        if request["netfn"] == _GROUP_EXTENSION and request["command"] == _POWER_READING:
            return session.send_ipmi_response(data=self._data)
        return super().handle_raw_request(request, session)


if __name__ == "__main__":
    port, watts, state = map(int, sys.argv[1:])
    served = Bmc(port, watts, state)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    served.listen()
