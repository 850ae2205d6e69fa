"""What the package declares that it needs: distributions by extra, and the modules that come with them."""

import re
import tomllib
from importlib.metadata import packages_distributions

from support.zone_project import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(extra: str) -> set[str]:
    """Names of what the base, or an extra by itself or by another extra of ours, declares; the base has no name."""
    listed = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found = set()
    for line in listed:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[([a-z,]+)\])?", line)
        assert match is not None, line
        if match[1] == PROJECT["name"]:
            found |= {name for other in match[2].split(",") for name in requirements(other)}
        else:
            found.add(normal(match[1]))
    return found


def top_modules(extra: str) -> set[str]:
    """Names of the top that come with what an extra declares."""
    wanted = requirements(extra)
    return {top for top, names in packages_distributions().items() if wanted & {normal(name) for name in names}}
