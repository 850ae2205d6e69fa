"""Builds the engine from the Go modules pinned in `tools/engine/`.

Must not choose versions: go.mod and go.sum do, and the Go command checks what it downloads against them.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from zonewright.engine import command, find, languages, launcher, lazy_lists
from zonewright.engine.cache import SayProgress, machine, new_folder
from zonewright.engine.errors import EngineError
from zonewright.engine.pinned import pinned_module
from zonewright.engine.version import WANTED

LIMIT_S = 2400.0
"""Seconds for a build; cold, with downloads, it takes 3 to 8 minutes on 2 cores."""

_COMMAND_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
_LINKED_VERSION = f"{_SDK_MODULE}/go/common/version.Version"
_USUAL_PLACE = "/usr/local/go/bin"  # where go.dev says to unpack it; often not on PATH
_QUESTION_LIMIT_S = 120.0
_LOG = "engine-build.log"


def module_folder() -> Path:
    """Find the engine's pinned Go module.

    Raises:
        EngineError: When it is missing.
    """
    return pinned_module("gomodule", "engine")


def name(module: Path) -> str:
    """Name the folder of the built engine in the cache, by what it is built from and for."""
    sources = ((module / "go.mod").read_bytes(), (module / "go.sum").read_bytes(), lazy_lists.digest())
    pinned = hashlib.sha256(b"".join(sources)).hexdigest()
    return f"engine-{WANTED}-{pinned[:12]}-{machine()}"


def built(cache: Path) -> find.FoundEngine:
    """Give the engine that was built before, with the present launcher beside it.

    Raises:
        EngineError: When there is none, or it is damaged.
    """
    folder = cache / name(module_folder())
    if not (folder / launcher.EXECUTOR).is_file():
        raise EngineError(f"no engine has been built in {folder}")
    # A cache that cannot be written, shared by an administrator say, is used with the launcher that it has.
    with suppress(OSError):
        launcher.write(folder)
        languages.link(cache, folder)
    return find.inspect(folder / find.COMMAND, path="")


def build(
    cache: Path, *, say: SayProgress, environment: Mapping[str, str], limit_s: float = LIMIT_S
) -> find.FoundEngine:
    """Build the engine into the cache folder; call it under the cache's lock.

    Args:
        cache: The cache folder.
        say: Takes lines of progress.
        environment: Where PATH and Go's own settings (proxy, caches) come from.
        limit_s: Seconds before it is given up.

    Returns:
        The engine.

    Raises:
        EngineError: When there is no fitting Go, or the build fails; the text is a sentence.
    """
    module = module_folder()
    compiler = compiler_for(module, environment, say)
    go_version = compiler.version()
    say(f"building the Pulumi engine {WANTED} with {go_version}: once on this machine, 3 to 8 minutes")
    with new_folder(cache, name(module)) as unfinished:
        with tempfile.TemporaryDirectory() as sources:
            go_mod = lazy_lists.edited(module, compiler.fetched, Path(sources))
            _compile(compiler, go_mod, unfinished / find.COMMAND, cache / _LOG, limit_s)
        shutil.copyfile(compiler.sdk() / "python" / "cmd" / launcher.EXECUTOR, unfinished / launcher.EXECUTOR)
        launcher.write(unfinished)
        version = find.inspect(unfinished / find.COMMAND, path="").version
        if version != WANTED:
            raise EngineError(f"expected version {WANTED} of the built engine, got {version}: {module}/go.mod is wrong")
    return built(cache)


def compiler_for(module: Path, environment: Mapping[str, str], say: SayProgress) -> "Compiler":
    """The Go command for a pinned module.

    Raises:
        EngineError: When there is none.
    """
    go = shutil.which("go", path=environment.get("PATH")) or shutil.which("go", path=_USUAL_PLACE)
    if go is None:
        raise EngineError(f"no Go compiler is on PATH; install Go {required_go(module)} or newer (https://go.dev/dl)")
    with_settings = {**environment, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    return Compiler(go, module, with_settings, say)


def required_go(module: Path) -> str:
    """Give the Go version that go.mod asks for."""
    found = re.search(r"^go (\S+)$", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "1.25"


class Compiler:
    """The Go command in the module's folder."""

    def __init__(self, go: str, module: Path, environment: Mapping[str, str], say: SayProgress) -> None:
        self._go = go
        self._module = module
        self._environment = environment
        self._say = say

    def run(self, *arguments: str, limit_s: float, doing: str) -> command.CommandResult:
        """Run one go command."""
        return command.run(
            [self._go, *arguments],
            folder=self._module,
            environment=self._environment,
            limit_s=limit_s,
            say=self._say,
            doing=doing,
        )

    def version(self) -> str:
        """Give its version, which Go itself compares with go.mod: an older one may fetch the one that is asked for."""
        result = self.run("env", "GOVERSION", limit_s=_QUESTION_LIMIT_S, doing="asking Go for its version")
        if result.status != 0:
            raise EngineError(
                f"the Go compiler {self._go} cannot be used, expected {required_go(self._module)} or newer: "
                f"{command.last_line(result.output)}; install a newer Go (https://go.dev/dl)"
            )
        return command.last_line(result.output)

    def fetched(self, module: str) -> Path:
        """Fetch the source of a Go module, unless it is there, and give its folder."""
        fetched = self.run("mod", "download", module, limit_s=_QUESTION_LIMIT_S, doing=f"fetching {module}")
        result, folder = self._folder(module)
        if fetched.status != 0 or result.status != 0 or not folder.is_dir():
            said = command.last_line(fetched.output if fetched.status != 0 else result.output)
            raise EngineError(f"the Go module {module} cannot be fetched: {said}")
        return folder

    def sdk(self) -> Path:
        """Find the source of the SDK's Go module, which has the executor for Python programs in it."""
        result, folder = self._folder(_SDK_MODULE)
        if result.status != 0 or not (folder / "python" / "cmd" / launcher.EXECUTOR).is_file():
            raise EngineError(
                f"the Go module {_SDK_MODULE} has no {launcher.EXECUTOR}: {command.last_line(result.output)}"
            )
        return folder

    def _folder(self, module: str) -> tuple[command.CommandResult, Path]:
        """Ask where the source of a Go module is; the folder is what the answer's last line says."""
        result = self.run(
            "list", "-m", "-f", "{{.Dir}}", module, limit_s=_QUESTION_LIMIT_S, doing=f"looking for {module}"
        )
        return result, Path(command.last_line(result.output))


def _compile(compiler: Compiler, go_mod: Path, target: Path, log: Path, limit_s: float) -> None:
    """Compile and link the engine's command."""
    compile_command(
        compiler,
        [
            "-modfile",
            os.fspath(go_mod),
            "-ldflags",
            f"-s -w -X {_LINKED_VERSION}=v{WANTED}",
            "-o",
            os.fspath(target),
            _COMMAND_PACKAGE,
        ],
        what=f"the Pulumi engine {WANTED}",
        log=log,
        limit_s=limit_s,
    )


def compile_command(compiler: Compiler, arguments: Sequence[str], *, what: str, log: Path, limit_s: float) -> None:
    """Compile and link a command; what Go prints stays in a file beside the engines.

    Raises:
        EngineError: When it fails, or lasts longer than ``limit_s`` seconds.
    """
    result = compiler.run("build", "-trimpath", *arguments, limit_s=limit_s, doing=f"building {what}")
    log.write_text(result.output, encoding="utf-8")
    if result.status is None:
        raise EngineError(f"the build with Go was ended after {limit_s:.0f} s; its output is in {log}")
    if result.status != 0:
        raise EngineError(
            f"the build with Go failed after {result.seconds:.0f} s: {command.last_line(result.output)}; "
            f"its whole output is in {log}"
        )
