"""The agent's settings from TOML: all that is wrong in one go, each as one sentence."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

_SOURCES = ("host", "hwmon", "rapl")


class ConfigurationError(ValueError):
    """The settings can not be used; ``sentences`` says why."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class Configuration:
    """Settings of one agent."""

    agent: str
    """Its id, which its token is bound to."""
    url: str
    """Where metrics go, such as ``http://127.0.0.1:4318/v1/metrics``; ``https`` beyond this host."""
    token_file: Path
    """File with the token, readable for the agent only."""
    spool: Path
    """Folder for what was not acknowledged yet."""
    interval_s: float = 10.0
    """Seconds between two samplings (1 to 3,600)."""
    timeout_s: float = 10.0
    """Seconds to wait for the service (0.1 to 300)."""
    spool_max_bytes: int = 64 * 1024 * 1024
    """What the spool may take, in bytes (65,536 to 1e12)."""
    power_max_w: float = 2000.0
    """The most that the host can draw, in watts (10 to 200,000)."""
    sources: tuple[str, ...] = field(default=_SOURCES)
    """What is read: host, hwmon, rapl."""
    sys: Path = Path("/sys")
    """The root of sysfs."""
    proc: Path = Path("/proc")
    """The root of procfs."""


_RANGES = {
    "interval_s": (1.0, 3600.0),
    "timeout_s": (0.1, 300.0),
    "spool_max_bytes": (65_536, 10**12),
    "power_max_w": (10.0, 200_000.0),
}
_PATHS = ("token_file", "spool", "sys", "proc")


def load(path: Path) -> Configuration:
    """Read the settings.

    Raises:
        ConfigurationError: with one sentence for each fault.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError([f"{path}: {(error.strerror or 'can not be read').lower()}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: no TOML: {error}"]) from None
    return from_data(document, str(path))


def from_data(document: dict[str, Any], file: str) -> Configuration:
    """Settings from a mapping; ``file`` is named in sentences."""
    known = {item.name: item for item in fields(Configuration)}
    names = ", ".join(sorted(known))
    sentences = [f"{file}: unknown setting '{name}'; there are: {names}" for name in document.keys() - known.keys()]
    missing = [name for name in ("agent", "url", "token_file", "spool") if name not in document]
    sentences += [f"{file}: '{name}' is missing; add a line '{name} = ...'" for name in missing]
    values: dict[str, Any] = {}
    for name in known.keys() & document.keys():
        value, wrong = _value(name, document[name])
        values[name] = value
        sentences += [f"{file}: {name}: {wrong}"] if wrong else []
    if sentences:
        raise ConfigurationError(sorted(sentences))
    return Configuration(**values)


def _value(name: str, value: Any) -> tuple[Any, str]:
    """The value as it is used, and what is wrong with it."""
    if name in _RANGES:
        low, high = _RANGES[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            return value, f"expected a number from {low:g} to {high:g}, got {value!r}"
        return (int(value) if name == "spool_max_bytes" else float(value)), ""
    if name == "sources":
        wrong = [one for one in value if one not in _SOURCES] if isinstance(value, list) and value else [value]
        return (tuple(value), "") if not wrong else (value, f"expected some of {', '.join(_SOURCES)}, got {wrong[0]!r}")
    if not isinstance(value, str) or not value or not value.isprintable():
        return value, f"expected text, got {value!r}"
    if name in _PATHS:
        return Path(value), ""
    return value, _url_fault(value) if name == "url" else ""


def _url_fault(url: str) -> str:
    if url.startswith("https://"):
        return ""
    local = ("http://127.0.0.1", "http://localhost", "http://[::1]")
    return "" if url.startswith(local) else f"expected https://... (http only to this host), got {url!r}"
