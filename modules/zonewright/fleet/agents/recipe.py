"""What a fleet's file stands for: the release that its hosts should have, where keys are known, who is at work."""

import getpass
import hashlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zonewright.fleet.agents.artefact import ArtefactError, agent_sources, make_artefact, read_wheels
from zonewright.fleet.agents.layout import system_layout, user_layout
from zonewright.fleet.agents.plan import Recipe
from zonewright.fleet.ssh.trust import KNOWN_HOSTS
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.fleet import AgentSettings, FleetFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The release that hosts should have, in words that say nothing of how they are reached.

    Attributes:
        version: the agent's version.
        artefact_digest: digest of the agent and its library, for all architectures.
        configuration_digest: digest of the agent's settings.
    """

    version: str
    artefact_digest: str
    configuration_digest: str


def recipe_of(settings: AgentSettings, folder: Path) -> Recipe:
    """What hosts should have.

    Args:
        settings: what the operator declares.
        folder: of the fleet's file, where relative paths start.

    Raises:
        ArtefactError: when there is nothing to roll out.
    """
    try:
        sources = agent_sources()
        if settings.psutil == "distribution":
            artefacts = {"any": make_artefact(sources, {})}
        else:
            wheels = read_wheels(folder / Path(settings.psutil).expanduser())
            artefacts = {kind: make_artefact(sources, library) for kind, library in wheels.items()}
    except OSError as error:
        raise ArtefactError(str(error)) from None
    layout = system_layout() if settings.prefix is None else user_layout(settings.prefix)
    gateways = {}
    if settings.gateways:
        from zonewright.fleet.agents.gateway import gateway_release  # noqa: PLC0415 - most fleets have none

        gateways = {name: gateway_release(name, one, folder) for name, one in settings.gateways.items()}
    return Recipe(settings=settings, artefacts=artefacts, layout=layout, gateways=gateways)


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """One digest of files and their paths."""
    return digest_of(canonical_json({path: hashlib.sha256(content).hexdigest() for path, content in files.items()}))


def desired_of(recipe: Recipe) -> Desired:
    """The release of a recipe, as digests."""
    hashes = {kind: dict(artefact.hashes) for kind, artefact in recipe.artefacts.items()}
    # Where wheels lie, and what else tells the power, is no setting of the agent; what wheels hold is in the artefact.
    # So it is with gateways.
    settings = recipe.settings.model_dump(mode="json", exclude={"psutil", "gateways", "power"})
    settings = {name: value for name, value in settings.items() if value is not None or not name.startswith("also_")}
    for name, one in recipe.gateways.items():
        hashes[f"gateway {name}"] = {wheel: digest_of_files(files) for wheel, files in one.wheels.items()}
        hashes[f"gateway {name}"]["program"] = digest_of_files(one.sources)
        settings[f"gateway {name}"] = one.devices
    return Desired(
        version=next(iter(recipe.artefacts.values())).version,
        artefact_digest=digest_of(canonical_json(hashes)),
        configuration_digest=digest_of(canonical_json(settings)),
    )


def configurations_digest(file: FleetFile) -> str:
    """What a fleet's file says of configurations, as a digest."""
    return digest_of(canonical_json({name: one.model_dump(mode="json") for name, one in file.configurations.items()}))


def hosts_by_site(file: FleetFile, racks: Mapping[str, str]) -> dict[str, list[str]]:
    """The hosts that a file names, by site; those whose site nobody says are under an empty one.

    Args:
        file: the fleet's file.
        racks: rack by name of nodes that have a place; what the file says wins.
    """
    found: dict[str, list[str]] = {}
    for name, host in sorted(file.hosts.items()):
        rack = host.rack or racks.get(name, "")
        found.setdefault(host.site or rack.partition("/")[0], []).append(name)
    return found


def known_hosts_of(file: FleetFile, *, folder: Path, root: Path) -> tuple[Path, ...]:
    """The files that say which keys the hosts of a fleet have.

    Args:
        file: the fleet's file.
        folder: of that file.
        root: the project's folder.
    """
    return (root / KNOWN_HOSTS, *(folder / Path(name).expanduser() for name in file.login.known_hosts))


def whoami() -> str:
    """The person at work, as far as the machine knows."""
    return f"{getpass.getuser()}@{socket.gethostname()}"
