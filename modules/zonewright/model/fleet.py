"""What an operator declares of a fleet: how to reach its hosts, and how agents are rolled out to them."""

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.configuration import Configuration
from zonewright.model.window import Freezes, Windows

Port = Annotated[int, Field(ge=1, le=65_535)]
User = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_-]{0,31}$", strict=True)]
Folder = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]{0,200}$", strict=True)]
Lines = Annotated[tuple[Line, ...], Field(max_length=20, strict=False)]


class Access(Declared):
    """How to reach one host."""

    address: Line = ""
    """Name or address of the host (default: its id)."""
    port: Port | None = None
    """Port of its SSH server, if it differs from the fleet's."""
    user: User | None = None
    """User who logs in, if it differs from the fleet's."""
    host_keys: Lines = ()
    """Public keys that the host may show, as `ssh-ed25519 AAAA...`; without any, the known hosts decide."""


PowerOf = Literal["agent", "gateway", "none"]


class FleetHost(Access):
    """One host."""

    jump: Identifier | None = None
    """The bastion to go through, if it differs from the fleet's."""
    site: Identifier | None = None
    """Its site."""
    rack: Line = ""
    """Its rack, as site/room/row/rack."""
    tenant: Identifier | None = None
    """The party whose node it is."""
    cluster: Identifier | None = None
    """Its cluster."""
    labels: Annotated[tuple[Identifier, ...], Field(max_length=50, strict=False)] = ()
    """Words that select the host."""
    power: PowerOf | None = None
    """What tells its power, if it differs from the fleet's."""


class Login(Declared):
    """How to log in to hosts that have no login settings of their own."""

    user: User
    """Who logs in."""
    port: Port = 22
    """Port of the SSH servers."""
    jump: Identifier | None = None
    """The bastion to go through."""
    keys: Lines = ()
    """Files with private keys, tried in this order; `~` is the home folder."""
    use_agent: bool = False
    """Whether the keys of ssh-agent are tried too."""
    known_hosts: Lines = ()
    """More files with the keys of hosts, besides `.zonewright/known_hosts`."""


AgentSource = Literal["host", "hwmon", "rapl", "amdgpu", "nvml"]
AGENT_SOURCES: tuple[AgentSource, ...] = get_args(AgentSource)
"""What the agent can read; a test compares it with the agent's own list, since the agent imports nothing of ours."""
_USUAL_SOURCES = AGENT_SOURCES[:3]


class GatewayDeployment(Declared):
    """A host whose agent is a gateway: it reads devices for others too."""

    devices: Line
    """File with its devices, relative to this file."""
    libraries: Line = "installed"
    """Folder with wheels of what `zonewright[gateway]` needs, or `installed` for libraries that the host has itself."""


class AgentSettings(Declared):
    """Settings of the agent on every host."""

    url: Line
    """URL that the agent reports to, such as `https://zone.example:8480/v1/metrics`."""
    also_url: Line | None = None
    """URL of another OTLP receiver that gets the same, such as a site's Prometheus from 3.0 on."""
    also_token_file: Line | None = None
    """File on every host with the token for `also_url`, if it needs one; it is not deployed."""
    interval_s: Annotated[float, Field(ge=1, le=3600, strict=False)] = 10.0
    """Seconds between two samplings."""
    power_max_w: Annotated[float, Field(ge=10, le=200_000, strict=False)] = 2000.0
    """The most that a host can draw, in watts."""
    sources: Annotated[tuple[AgentSource, ...], Field(min_length=1, strict=False)] = _USUAL_SOURCES
    """Sources that the agent reads."""
    power: PowerOf = "agent"
    """What tells the power of hosts: their `agent`, a `gateway` that reads their BMCs or PDUs, or `none`."""
    psutil: Line = "distribution"
    """Folder with wheels of psutil beside this file, or `distribution` for the host's own python3-psutil."""
    prefix: Folder | None = None
    """Folder of the user for everything, on hosts without root; without it the agent is a service of the system."""
    gateways: dict[Identifier, GatewayDeployment] = Field(default_factory=dict)
    """Hosts whose agent is a gateway, which needs Python 3.11."""
    supervisor: Literal["systemd", "runit"] | None = None
    """What keeps the agent running (default: the roll-out detects it)."""


class WaveSize(Declared):
    """How many hosts a roll-out has reached at the end of a wave."""

    hosts: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of hosts in all."""
    percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """Share of all hosts in per cent; at least one host more than before."""
    soak_s: Annotated[float, Field(ge=0, le=86_400, strict=False)] = 0.0
    """Seconds to wait after the wave; at the end its hosts must still be healthy."""


class StopLimits(Declared):
    """How many hosts may go wrong before no further host is touched. Each way of going wrong has its own count."""

    failed: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Hosts where a step failed or the agent is not healthy."""
    unreachable: Annotated[int, Field(ge=0, le=100_000)] = 5
    """Hosts that nothing was sent to."""
    unknown: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Hosts for which the result is not known."""


class RollOut(Declared):
    """How a change reaches the hosts."""

    waves: Annotated[tuple[WaveSize, ...], Field(min_length=1, max_length=20, strict=False)] = (
        WaveSize(hosts=1),
        WaveSize(percent=10),
        WaveSize(percent=100),
    )
    """Waves in order; the last one must reach all hosts."""
    stop: StopLimits = StopLimits()
    """When to stop."""
    parallel: Annotated[int, Field(ge=1, le=500)] = 50
    """Hosts at the same time."""
    host_deadline_s: Annotated[float, Field(ge=1, le=3600, strict=False)] = 120.0
    """Seconds for one host, all steps together."""
    run_deadline_s: Annotated[float, Field(ge=1, le=86_400, strict=False)] = 14_400.0
    """Seconds for a whole run."""
    health_s: Annotated[float, Field(ge=1, le=600, strict=False)] = 30.0
    """Seconds in which an agent must report after its start."""
    windows: Windows = ()
    """When hosts may be touched; without any, whenever the zone's rule pack permits it."""
    freeze: Freezes = ()
    """Days on which no host may be touched."""


class FleetFile(Declared):
    """A fleet: its hosts, how to reach them, and what is rolled out to them."""

    party: Identifier
    """The operator."""
    login: Login
    """How to log in."""
    bastions: dict[Identifier, Access] = Field(default_factory=dict)
    """Hosts through which other hosts are reached."""
    hosts: dict[Identifier, FleetHost] = Field(default_factory=dict)
    """Hosts by id; the ledger adds a stack's nodes."""
    agent: AgentSettings | None = None
    """The agent, if one is rolled out."""
    configurations: dict[Identifier, Configuration] = Field(default_factory=dict)
    """Rendered configurations by name, and how hosts get them."""
    rollout: RollOut = RollOut()
    """How a change reaches the hosts."""
