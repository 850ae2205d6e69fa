"""The texts of one host's release: the agent's settings, its unit and its run script, by Jinja2."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from zonewright.fleet.agents.layout import UNIT, Layout
from zonewright.model.fleet import AgentSettings
from zonewright.render.errors import RenderError
from zonewright.render.sandbox.environment import environment

SETTINGS, RUN, DEVICES = "agent.toml", "run", "devices.yaml"
WATCHDOG_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext:
    """One agent as its templates see it.

    Attributes:
        name: its id, the node's name.
        url: where it reports.
        token_file: path of its token.
        key_file: path of its key.
        spool: folder of its spool.
        interval_s: seconds between two samplings.
        power_max_w: the most that the host can draw, in watts.
        sources: what it reads.
        python: the interpreter.
        folder: the link to the release that runs.
        user: who it runs as; empty for the user who logs in.
        has_rapl: whether it needs to read the counters of the processors, which only root may.
        has_nvml: whether it needs the devices of NVIDIA's driver.
        addresses: the only addresses that it may talk to; empty where the service has a name and not an address.
        watchdog_s: seconds after which systemd restarts an agent that is silent.
        is_gateway: whether it reads devices too, at addresses of their own, and more of them than a host has sources.
        also_url: another receiver, or empty; then it needs no place either.
        also_token_file: path of the token for that one, or empty.
        site: its site, or empty.
        rack: its rack, or empty.
    """

    name: str
    url: str
    token_file: str
    key_file: str
    spool: str
    interval_s: str
    power_max_w: str
    sources: tuple[str, ...]
    python: str
    folder: str
    user: str
    has_rapl: bool
    has_nvml: bool
    addresses: tuple[str, ...]
    watchdog_s: int
    is_gateway: bool = False
    also_url: str = ""
    also_token_file: str = ""
    site: str = ""
    rack: str = ""


def agent_texts(
    name: str,
    settings: AgentSettings,
    layout: Layout,
    *,
    python: str,
    left_out: Collection[str],
    devices: str | None = None,
    place: tuple[str, str] = ("", ""),
) -> dict[str, str]:
    """The host's own files, by path within the release.

    Args:
        name: id of the agent.
        settings: what the operator declares.
        layout: where it lives.
        python: the host's interpreter.
        left_out: sources that the host does not have.
        devices: the text of a gateway's devices; None for the agent alone.
        place: the host's site and rack.

    Raises:
        RenderError: when a value must not get into a file.
    """
    sources = tuple(source for source in settings.sources if source not in left_out) or ("host",)
    context = AgentContext(
        name=name,
        url=settings.url,
        token_file=layout.token,
        key_file=layout.key,
        spool=layout.spool,
        interval_s=repr(float(settings.interval_s)),
        power_max_w=repr(float(settings.power_max_w)),
        sources=sources,
        python=python,
        folder=layout.current,
        user=layout.user,
        has_rapl="rapl" in sources,
        has_nvml="nvml" in sources,
        addresses=_all_addresses(settings) if devices is None else (),
        watchdog_s=max(WATCHDOG_S, round(3 * settings.interval_s)),
        is_gateway=devices is not None,
        also_url=settings.also_url or "",
        also_token_file=settings.also_token_file or "",
        site=place[0],
        rack=place[1],
    )
    names = (SETTINGS, RUN, UNIT) if layout.is_system else (SETTINGS, RUN)
    rendered = {one: _render(f"agent/{one}.j2", context) for one in names}
    return rendered if devices is None else {**rendered, DEVICES: devices}


def _render(template: str, context: AgentContext) -> str:
    try:
        return environment().get_template(template).render(agent=context)
    except RenderError as error:
        raise RenderError(error.what, template=template, subject=f"agent {context.name}") from None


def _all_addresses(settings: AgentSettings) -> tuple[str, ...]:
    """The addresses of all receivers, and none where a resolver is needed to find one of them."""
    each = [_addresses(url) for url in (settings.url, settings.also_url) if url is not None]
    return tuple(dict.fromkeys(one for some in each for one in some)) if all(each) else ()


def _addresses(url: str) -> tuple[str, ...]:
    """The service's address, and none where a resolver is needed to find it."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return ("localhost",)
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return ()
