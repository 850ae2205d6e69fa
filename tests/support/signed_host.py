"""A host of the tests that chains its batches and signs their heads, as an agent does, without a process for each."""

import base64
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.live import UNITS
from zonewright.pue import MeterSpec, Reading
from zonewright.telemetry.chain import NAMESPACE, fault_of_head
from zonewright.telemetry.otlp import read_batch
from zonewright.telemetry.sample import SampleBatch
from zonewright_agent.chain import HEAD, PREVIOUS, SIGNATURE, digest_of, head_text
from zonewright_agent.otlp import encode
from zonewright_agent.points import Point

LEDGER = "a" * 32


class Key:
    """An Ed25519 key, which signs as ``ssh-keygen -Y sign`` does."""

    def __init__(self, seed: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.public = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def sign(self, text: str, namespace: str = NAMESPACE) -> str:
        """The signature, as ssh-keygen prints it."""
        parts = (namespace.encode(), b"", b"sha512")
        signed = b"SSHSIG" + b"".join(map(_string, (*parts, hashlib.sha512(text.encode()).digest())))
        own = _string(b"ssh-ed25519") + _string(self._key.sign(signed))
        blob = base64.b64decode(self.public.split()[1])
        whole = b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(_string, (blob, *parts, own)))
        lines = base64.b64encode(whole).decode()
        wrapped = "\n".join(lines[at : at + 70] for at in range(0, len(lines), 70))
        return f"-----BEGIN SSH SIGNATURE-----\n{wrapped}\n-----END SSH SIGNATURE-----\n"


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


@dataclass
class SignedHost:
    """A host with its chain.

    Attributes:
        name: id of its agent and its node.
        key: its key.
        ledger: which ledger it signs for.
        every: after how many batches a head is signed; the batch after them brings it.
    """

    name: str
    key: Key = field(default_factory=Key)
    ledger: str = LEDGER
    every: int = 3
    sequence: int = 0
    previous: str = ""
    _head: Mapping[str, str] = field(default_factory=dict)

    def next(self, points: Sequence[Point] = ()) -> bytes:
        """One more batch."""
        self.sequence += 1
        resource = {
            "service.instance.id": self.name,
            "zonewright.boot": "b",
            "zonewright.sequence": str(self.sequence),
            PREVIOUS: self.previous,
            **self._head,
        }
        body = encode(points, resource)
        self.previous, self._head = digest_of(body), {}
        if self.sequence % self.every == 0:
            self._head = self.head()
        return body

    def head(self) -> dict[str, str]:
        """The chain's end, signed."""
        text = head_text(
            agent=self.name, ledger=self.ledger, sequence=self.sequence, digest=self.previous, time_ns=10**18
        )
        return {HEAD: text, SIGNATURE: self.key.sign(text)}


def points_of(meters: Mapping[str, MeterSpec], readings: Mapping[str, Reading]) -> list[Point]:
    """What a gateway reads of some meters at one time."""
    return [
        Point(
            name="hw.power" if meters[name].kind == "gauge" else "hw.energy",
            unit=UNITS[meters[name].kind],
            kind={"gauge": "gauge", "register": "register", "interval": "delta"}[meters[name].kind],  # type: ignore[arg-type]
            value=float(one.value),
            time_ns=one.time_us * 1_000,
            start_ns=None if one.start_us is None else one.start_us * 1_000,
            attributes={"hw.id": name},
        )
        for name, one in readings.items()
    ]


def received(body: bytes, *, key: str, ledger: str = LEDGER, agent: str = "") -> SampleBatch:
    """A batch as the service takes it: its head judged by the key that is enrolled now."""
    batch = read_batch(body)
    link, name = batch.link, agent or batch.agent
    if link is not None and link.head is not None:
        fault = fault_of_head(link.head.text, link.head.signature, agent=name, ledger=ledger, public_key=key)
        link = replace(link, head=replace(link.head, key="" if fault else key, fault=fault))
    return SampleBatch(
        agent=name, node=name, boot=batch.boot, sequence=batch.sequence, samples=batch.samples, link=link
    )
