"""Programs in TypeScript and JavaScript: started as the official host starts them, by the SDK's own runner.

It runs programs only. Plugins and policy packs in these languages need the host of Pulumi's own engine.
"""

# ruff: noqa: N802 - the engine addresses calls by the method names of its protocol
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pulumi.runtime.proto import language_pb2 as messages

from zonewright.engine.language_host import linking
from zonewright.engine.language_host.service import SharedRuntime, response

_RUNNER = Path("node_modules", "@pulumi", "pulumi", "cmd", "run", "index.js")


class NodeLanguageRuntime(SharedRuntime):
    """Runs Node.js programs for one engine."""

    language = "nodejs"

    def _linked(self, request: messages.LinkRequest) -> str:
        return linking.linked_in_node(request)

    async def InstallDependencies(
        self, _request: messages.InstallDependenciesRequest, _context: Any
    ) -> AsyncIterator[messages.InstallDependenciesResponse]:
        """Say who installs: a lock file pins what the project needs."""
        yield messages.InstallDependenciesResponse(
            stderr=b"zonewright's language host installs nothing: run 'npm install' in the project's folder.\n"
        )

    async def About(self, _request: messages.AboutRequest, _context: Any) -> messages.AboutResponse:
        """Name the Node.js that runs programs and its version."""
        node = shutil.which("node") or ""
        version = await self.ask([node, "--version"], os.environ) if node else ""
        return messages.AboutResponse(executable=node, version=version.strip())

    async def GetProgramDependencies(
        self, _request: messages.GetProgramDependenciesRequest, _context: Any
    ) -> messages.GetProgramDependenciesResponse:
        """Name none: the project's lock file has them."""
        return messages.GetProgramDependenciesResponse()

    async def Run(self, request: messages.RunRequest, _context: Any) -> messages.RunResponse:
        """Run a program to its end."""
        info = request.info
        node, runner = shutil.which("node"), find_runner(Path(info.program_directory))
        if node is None:
            return messages.RunResponse(error="no node is on PATH; install Node.js 20 or newer")
        if runner is None:
            return messages.RunResponse(
                error=f"@pulumi/pulumi is not in node_modules of {info.program_directory} or a folder above; run 'npm "
                "ci' there, or 'npm install @pulumi/pulumi'"
            )
        options = json_format.MessageToDict(info.options)
        environment = {**os.environ, "PULUMI_NODEJS_TYPESCRIPT": "true" if options.get("typescript", True) else "false"}
        if "tsconfig" in options:
            environment["PULUMI_NODEJS_TSCONFIG_PATH"] = str(options["tsconfig"])
        command = [node, *str(options.get("nodeargs", "")).split(), str(runner)]
        command += self._flags(request, {"root-directory": info.root_directory})
        command += [*(["--dry-run"] if request.dryRun else []), info.entry_point or ".", *request.args]
        return response(await self._run(request, command, environment))


def find_runner(folder: Path) -> Path | None:
    """The runner of the SDK that a program in a folder uses, as Node.js finds modules: in it, or in a folder above."""
    return next((found for one in (folder, *folder.parents) if (found := one / _RUNNER).is_file()), None)
