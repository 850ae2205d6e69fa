"""What the host of a gateway gets in the place of the agent alone: its program, its libraries and its devices."""

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from zonewright.fleet.agents.artefact import LIBRARY, PROGRAM, Artefact, ArtefactError, agent_sources, make_zipapp
from zonewright.model.fleet import GatewayDeployment
from zonewright_agent.configuration import ConfigurationError
from zonewright_gateway.declared import from_text

INSTALLED = "installed"
_PACKAGE = "zonewright_gateway"
_KIND = re.compile(r"-(?P<python>[a-z0-9.]+)-(?P<abi>[a-z0-9_.]+)-(?P<platform>[A-Za-z0-9_.]+)\.whl$")
_ABI3 = re.compile(r"cp3(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRelease:
    """What one host with a gateway should have.

    Attributes:
        devices: the text of its devices.
        sources: modules and maps of agent and gateway, by path.
        wheels: the files of each wheel by its name; empty where the host has the libraries itself.
    """

    devices: str
    sources: Mapping[str, bytes]
    wheels: Mapping[str, Mapping[str, bytes]]

    def artefact(self, agent: Artefact, *, machine: str, libc: str, python_version: str) -> Artefact:
        """The program and the libraries for a host.

        Args:
            agent: the agent for the same host, whose library is taken along.
            machine: its architecture.
            libc: its C library.
            python_version: its Python, as ``3.11``.
        """
        own = {path: content for path, content in agent.files.items() if path != PROGRAM}
        for name, files in sorted(self.wheels.items()):
            if fits(name, machine=machine, libc=libc, python_version=python_version):
                own |= {f"{LIBRARY}/{path}": content for path, content in files.items()}
        program = make_zipapp(self.sources, package=_PACKAGE, has_own_libraries=bool(self.wheels))
        return Artefact(version=agent.version, files={**own, PROGRAM: program})


def fits(name: str, *, machine: str, libc: str, python_version: str) -> bool:
    """Whether a wheel is for a host, by its name (PEP 425)."""
    match = _KIND.search(name)
    if match is None:
        return False
    pythons, abi, platforms = match["python"].split("."), match["abi"], match["platform"].split(".")
    number = int(python_version.partition(".")[2] or 0) if python_version.startswith("3.") else 0
    own = f"cp3{number}"
    stable = _ABI3.fullmatch(pythons[0]) if abi == "abi3" else None
    is_python = (stable is not None and int(stable[1]) <= number) or bool({"py3", f"py3{number}", own} & set(pythons))
    kind = "musllinux" if libc == "musl" else "manylinux"
    is_platform = "any" in platforms or any(one.startswith(kind) and one.endswith(f"_{machine}") for one in platforms)
    return is_python and (abi in ("none", "abi3") or own in abi.split(".")) and is_platform


def gateway_release(name: str, declared: GatewayDeployment, folder: Path) -> GatewayRelease:
    """What the host of a gateway should have.

    Args:
        name: the host.
        declared: what the operator declares.
        folder: of the fleet's file, where relative paths start.

    Raises:
        ArtefactError: with all that is wrong with its devices, or when there is nothing to roll out.
    """
    path = folder / declared.devices
    try:
        devices = path.read_text(encoding="utf-8")
        credentials = from_text(devices, str(path), has_credentials=False).credentials_file
    except ConfigurationError as error:
        raise ArtefactError(*error.sentences) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{path}: the devices of {name} cannot be read: {error}") from None
    if credentials and not credentials.startswith("/"):
        raise ArtefactError(
            f"{path}: credentials_file: expected an absolute path on {name}, such as "
            f"/etc/zonewright-agent/credentials.yaml, got '{credentials}': a relative one would lie within the "
            "release, and go with it"
        )
    wheels = {} if declared.libraries == INSTALLED else read_libraries(folder / Path(declared.libraries).expanduser())
    return GatewayRelease(devices=devices, sources={**agent_sources(), **_sources()}, wheels=wheels)


def read_libraries(folder: Path) -> dict[str, dict[str, bytes]]:
    """The files of all wheels of a folder, by the name of the wheel.

    Raises:
        ArtefactError: when there is none.
    """
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            names = [
                one for one in wheel.namelist() if not one.endswith("/") and ".data/" not in one.partition("/")[0] + "/"
            ]
            found[path.name] = {one: wheel.read(one) for one in sorted(names)}
    if not found:
        raise ArtefactError(
            f"{folder} holds no wheels; fetch them with: pip download 'zonewright[gateway]' -d {folder}, for the "
            "Python and the machine of the host"
        )
    return found


def _sources() -> dict[str, bytes]:
    """The gateway's modules and maps, by path."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ArtefactError(f"the gateway's package {_PACKAGE} is not installed; install zonewright again")
    folder = Path(spec.submodule_search_locations[0])
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".yaml"))
    return {f"{_PACKAGE}/{path.relative_to(folder)}": path.read_bytes() for path in paths}
