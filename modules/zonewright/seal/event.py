"""CloudEvents 1.0 in JSON, signed: two extension attributes name the key and hold the signature over all others.

What is signed is what DSSE signs: the pre-authentication encoding of the media type and of the event without its
``signature``, as canonical JSON. So whoever does not care reads a plain event, and whoever does needs no library.
"""

import base64
import binascii
from typing import Any

from zonewright.model.canonical import canonical_json
from zonewright.seal.dsse import pae
from zonewright.seal.errors import SealError
from zonewright.seal.keys import SigningKey, key_id, verifies
from zonewright.seal.strict import strict_json

MEDIA_TYPE = "application/cloudevents+json"
_KEY, _SIGNATURE = "keyid", "signature"


def event_text(
    *, source: str, name: str, kind: str, subject: str, time: str, data: dict[str, Any], key: SigningKey
) -> str:
    """A signed event.

    Args:
        source: who tells.
        name: its id, which this source uses once.
        kind: its type.
        subject: what it is about.
        time: when, in RFC 3339.
        data: what it says.
        key: signs it.
    """
    event = {
        "specversion": "1.0",
        "id": name,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
        _KEY: key_id(key.public),
    }
    signature = key.sign(pae(MEDIA_TYPE, canonical_json(event).encode()))
    return canonical_json({**event, _SIGNATURE: base64.b64encode(signature).decode()})


def signed_event(text: str, public_key: str) -> dict[str, Any]:
    """What an event says that this key has signed.

    Raises:
        SealError: when it is none, or another key or nobody signed it.
    """
    event = strict_json(text)
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        raise SealError("it is no CloudEvent of version 1.0")
    try:
        signature = base64.b64decode(str(event.pop(_SIGNATURE, "")), validate=True)
    except (binascii.Error, ValueError):
        raise SealError("its signature cannot be read") from None
    if event.get(_KEY) != key_id(public_key):
        raise SealError(f"the event is signed by {str(event.get(_KEY))[:60]}, expected {key_id(public_key)}")
    if not verifies(public_key, signature, pae(MEDIA_TYPE, canonical_json(event).encode())):
        raise SealError("the signature does not match the event")
    return event
