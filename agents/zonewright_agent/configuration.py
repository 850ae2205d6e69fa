"""The agent's settings from TOML: all that is wrong in one go, each as one sentence with file and line."""

from __future__ import annotations

import os
import sys

from zonewright_agent import simple_toml

SOURCES = ("host", "hwmon", "rapl", "amdgpu", "nvml")
USUAL_SOURCES = SOURCES[:3]
"""What a host has without accelerators."""
RECEIVERS = ("zonewright", "otlp")
_REQUIRED = ("agent", "url", "token_file", "spool")
PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
_HERE = ("127.0.0.1", "localhost", "::1")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_AGENT_MAX = 63


class ConfigurationError(ValueError):
    """The settings cannot be used; ``sentences`` says why."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


class Configuration:
    """Settings of one agent.

    Its class is a plain one: the modules that make better ones would take half of a check of the settings, which every
    host of a roll-out makes.
    """

    agent: str
    """Id of the agent; the token is bound to it."""
    url: str
    """URL that gets the metrics, such as ``http://127.0.0.1:8480/v1/metrics``; other hosts need ``https``."""
    token_file: str | None
    """File with the token, readable by the agent only; read again for each batch, so that you can replace the token."""
    spool: str
    """Folder for batches that are not acknowledged yet."""
    interval_s: float = 10.0
    """Seconds between two samplings (1 to 3,600)."""
    timeout_s: float = 10.0
    """Seconds to wait for the service (0.1 to 300)."""
    spool_max_bytes: int = 64 * 1024 * 1024
    """Bytes that the spool may use on the disk (65,536 to 1e12); a batch uses at least 4,096."""
    power_max_w: float = 2000.0
    """The most that the host can draw, in watts (10 to 200,000)."""
    sources: tuple[str, ...] = USUAL_SOURCES
    """Sources to read: host, hwmon and rapl; of accelerators amdgpu (AMD) and nvml (NVIDIA)."""
    sys: str = "/sys"
    """The root of sysfs."""
    proc: str = "/proc"
    """The root of procfs, for the boot id."""
    key_file: str | None = None
    """The host's own key; it signs the report of health after a start, and every ten minutes what was measured."""
    receiver: str = "zonewright"
    """What gets the metrics: `zonewright`, or `otlp` for any other OTLP receiver, which gets cumulative sums."""
    temporality: str = ""
    """Sums for a receiver `otlp`: `cumulative` (the default) or `delta`; zonewright itself gets deltas."""
    also_url: str | None = None
    """URL of another OTLP receiver that gets the same, as with `receiver = "otlp"`, such as a Prometheus."""
    also_token_file: str | None = None
    """File with the token for `also_url`, if it needs one."""
    site: str = ""
    """Site of the host; another OTLP receiver gets it as the attribute `site` of each point."""
    rack: str = ""
    """Rack of the host, such as `qp-dc1/a/01/01`; another OTLP receiver gets it as `rack` of whole hosts."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        """Settings stay what they were read as."""
        raise AttributeError(f"{name} cannot be set")

    def also(self) -> Configuration | None:
        """The settings for the other receiver; None where there is none."""
        if self.also_url is None:
            return None
        values = {name: getattr(self, name) for name in FIELDS}
        own = {"url": self.also_url, "token_file": self.also_token_file, "receiver": "otlp", "also_url": None}
        return Configuration(**{**values, **own, "spool": os.path.join(self.spool, "also"), "key_file": None})


FIELDS = tuple(Configuration.__annotations__)
_RANGES = {
    "interval_s": (1.0, 3600.0),
    "timeout_s": (0.1, 300.0),
    "spool_max_bytes": (65_536, 10**12),
    "power_max_w": (10.0, 200_000.0),
}
_PATHS = ("token_file", "spool", "sys", "proc", "key_file", "also_token_file")
_PLACES = ("site", "rack")
_WORDS = {"receiver": RECEIVERS, "temporality": ("cumulative", "delta")}
_PLACE_MAX = 255


def load(path: str | os.PathLike[str]) -> Configuration:
    """Read the settings.

    Raises:
        ConfigurationError: with one sentence for each fault.
    """
    try:
        text = _read(path, "utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: {(error.strerror or 'cannot be read').lower()}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: expected UTF-8 text, got byte {error.object[error.start]:#x}"]) from None
    return from_text(text, str(path))


def from_text(text: str, file: str) -> Configuration:
    """Settings from TOML; ``file`` is named in sentences."""
    try:
        document = _document(text)
    except ValueError as error:
        import re  # noqa: PLC0415 - good settings need none

        syntax = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")
        found = syntax.search(str(error))
        line = int(found[1]) if found and found[1] else max(1, len(text.splitlines()))
        said = syntax.sub("", str(error))
        raise ConfigurationError(
            [f"{file}:{line}: not valid TOML: {said}; correct it, more faults may follow"]
        ) from None
    known = FIELDS
    faults: list[tuple[str, str]] = [
        ("", f"'{name}' is missing; add a line '{name} = ...'")
        for name in _REQUIRED
        if name not in document and not (name == "token_file" and document.get("receiver") == "otlp")
    ]
    faults += _receiver_faults(document)
    values: dict[str, object] = {}
    for name, given in document.items():
        if name not in known:
            faults.append((name, f"unknown setting '{name}'; there are: {', '.join(sorted(known))}"))
            continue
        values[name], wrong = _value(name, given)
        faults += [(name, f"{name}: {wrong}")] if wrong else []
    if faults:
        lines = _lines(text)
        placed = sorted((lines.get(name, 1), sentence) for name, sentence in faults)
        raise ConfigurationError([f"{file}:{line}: {sentence}" for line, sentence in placed])
    values.setdefault("token_file", None)
    return Configuration(**values)


def _receiver_faults(document: dict[str, object]) -> list[tuple[str, str]]:
    """Settings that do not go together."""
    is_own = document.get("receiver", "zonewright") == "zonewright"
    others = {
        "temporality": "the service of zonewright takes deltas only; leave it out, or set receiver = 'otlp'",
        "also_token_file": "a token without 'also_url', which it is for; add the URL, or leave it out",
    }
    wrong = {
        "temporality": is_own and "also_url" not in document,
        "also_token_file": "also_url" not in document,
    }
    return [(name, f"{name}: {others[name]}") for name in others if name in document and wrong[name]]


def _document(text: str) -> dict[str, object]:
    """What the deployer writes, without the reader of the whole language, which is asked where that is not enough."""
    try:
        return simple_toml.loads(text)
    except simple_toml.TOMLDecodeError:
        if sys.version_info < (3, 11):
            raise
        import tomllib  # noqa: PLC0415

        return tomllib.loads(text)


def surroundings(settings: Configuration, path: str) -> None:
    """What the settings lead to, as far as it can be seen without a run.

    Raises:
        ConfigurationError: with one sentence for each fault.
    """
    tokens = (("token_file", settings.token_file), ("also_token_file", settings.also_token_file))
    faults = [(name, fault) for name, file in tokens if file is not None for fault in _token_faults(file)]
    existing = os.path.abspath(settings.spool)
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing) or not os.access(existing, os.W_OK | os.X_OK):
        faults.append(("spool", f"this user cannot write to {existing}; choose another folder, or change its owner"))
    if {"hwmon", "rapl", "amdgpu"} & set(settings.sources) and not os.path.isdir(settings.sys):
        faults.append(("sys", f"there is no folder {settings.sys}; correct it, or read 'host' only"))
    elif "rapl" in settings.sources and os.path.isdir(os.path.join(settings.sys, "class", "powercap")):
        from zonewright_agent.sources import powercap  # noqa: PLC0415 - few hosts of a roll-out have counters

        never = powercap.faults_of(settings.sys, settings.interval_s, settings.power_max_w)
        faults += [("interval_s", fault) for fault in never]
    if faults:
        lines = _lines(_read(path, "utf-8"))
        raise ConfigurationError(sorted(f"{path}:{lines.get(name, 1)}: {name}: {fault}" for name, fault in faults))


def read_token(path: str) -> str:
    """The token that a file holds; read again each time, so that it can be replaced.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it holds something else.
    """
    return _read(path, "ascii").strip()


def _read(path: str | os.PathLike[str], encoding: str) -> str:
    with open(path, encoding=encoding) as file:
        return file.read()


def _token_faults(path: str) -> list[str]:
    try:
        text, mode = read_token(path), os.stat(path).st_mode
    except OSError as error:
        return [f"{path}: {(error.strerror or 'cannot be read').lower()}; write the token from the service into it"]
    except UnicodeDecodeError:
        return [f"{path}: expected a token in ASCII; write the token from the service into it"]
    faults = [] if text and text.isprintable() else [f"{path}: expected one line with the token, got {text[:1]!r}"]
    return [*faults, *([f"{path}: any user can read it (mode {mode & 0o777:o}); chmod 600"] if mode & 0o007 else [])]


def _lines(text: str) -> dict[str, int]:
    """The line of each setting, and of each table's head."""
    import re  # noqa: PLC0415 - good settings need none

    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name = re.match(r"""\s*\[{0,2}\s*["']?([A-Za-z0-9_-]+)["']?""", line)
        if name is not None:
            found.setdefault(name[1], number)
    return found


def _value(name: str, value: object) -> tuple[object, str]:
    """The value as it is used, and what is wrong with it."""
    if name in _RANGES:
        low, high = _RANGES[name]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
            return value, f"expected a number from {low:g} to {high:g}, got {value!r}"
        return (int(value) if name == "spool_max_bytes" else float(value)), ""
    if name == "sources":
        return _sources(value)
    if not isinstance(value, str) or not value or not value.isprintable():
        return value, f"expected text, got {value!r}"
    return value, _text_fault(name, value)


def _text_fault(name: str, value: str) -> str:
    if name in _WORDS:
        return "" if value in _WORDS[name] else f"expected {' or '.join(map(repr, _WORDS[name]))}, got {value!r}"
    if name in _PLACES:
        return "" if len(value) <= _PLACE_MAX else f"expected at most {_PLACE_MAX} characters, got {len(value)}"
    if name in _PATHS:
        return ""
    return _url_fault(value) if name in ("url", "also_url") else _agent_fault(value)


def _sources(value: object) -> tuple[object, str]:
    if not isinstance(value, list) or not value:
        return value, f"expected a list of some of {', '.join(SOURCES)}, got {value!r}"
    wrong = [one for one in value if one not in SOURCES]
    if wrong:
        return value, f"expected some of {', '.join(SOURCES)}, got {', '.join(map(repr, wrong))}"
    return tuple(dict.fromkeys(value)), ""


def _agent_fault(name: str) -> str:
    good = (
        name[0] != "-" and name[-1] != "-" and len(name) <= _AGENT_MAX and _LETTERS.issuperset(name.replace("-", "a"))
    )
    return "" if good else f"expected an id such as 'dc1-core-001', got {name!r}"


def parts_of(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path with query of a URL.

    Raises:
        ValueError: when it has no such parts.
    """
    scheme, mark, rest = url.partition("://")
    rest = rest.partition("#")[0]
    end = min(at for at in (rest.find("/"), rest.find("?"), len(rest)) if at >= 0)
    place, path = rest[:end], rest[end:]
    host, _, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    if not host:
        host, port = place, ""
    number = int(port or PORTS.get(scheme, 0)) if not port or (port.isdecimal() and port.isascii()) else 0
    if not mark or scheme not in PORTS or not host or not 0 < number <= _LAST_PORT:
        raise ValueError(f"expected http://HOST/PATH or https://HOST/PATH, got {url!r}")
    return scheme, host.strip("[]"), number, path if path.startswith("/") else f"/{path}"


def _url_fault(url: str) -> str:
    if "@" in url.partition("://")[2].partition("/")[0]:
        return "expected a URL without a user or password, which is not shown here; put a token into a file"
    try:
        scheme, host, _, _ = parts_of(url)
    except ValueError:
        scheme, host = "", ""
    good = (scheme == "https" or (scheme == "http" and host in _HERE)) and not any(map(str.isspace, url))
    return "" if good else f"expected https://HOST/v1/metrics (http only to this host), got {url!r}"
