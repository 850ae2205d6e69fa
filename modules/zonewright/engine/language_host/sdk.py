"""SDKs of packages, for `pulumi package gen-sdk` and `add`: the generator beside the host answers the engine's request.

Must not change a project: `linking` does, and only its list of what it needs.
"""

import os

from google.protobuf.message import DecodeError
from pulumi.runtime.proto import language_pb2 as messages

from zonewright.engine import cache, sdk_generator
from zonewright.engine.errors import EngineError
from zonewright.engine.language_host.children import Children

_GET_IT = "run 'zonewright engine ensure --sdk-generator' once on this machine"


async def generated(
    language: str, request: messages.GeneratePackageRequest, children: Children
) -> messages.GeneratePackageResponse:
    """Write an SDK into the folder that the engine names.

    Args:
        language: As the generator names it: `python` or `nodejs`.
        request: What the engine asks; it goes to the generator as it is.
        children: Where processes are started.

    Returns:
        What is wrong with the schema; nothing is written then.

    Raises:
        EngineError: When there is no generator, or it fails; the text is a sentence.
    """
    generator = sdk_generator.kept(cache.folder(os.environ))
    if not generator.is_file():
        raise EngineError(f"zonewright's language host has no generator of SDKs at {generator}; {_GET_IT}")
    try:
        process = await children.start([str(generator), language], environment=os.environ, piped=True, fed=True)
    except OSError as error:
        raise EngineError(
            f"the generator of SDKs {generator} does not start: {error}; remove it and {_GET_IT}"
        ) from error
    try:
        answer, said = await process.communicate(request.SerializeToString())
    finally:
        await children.end(process, at_once=True)
    if process.returncode != 0:
        why = said.decode(errors="replace").strip() or f"it ended with {process.returncode} and said nothing"
        raise EngineError(f"the generator of SDKs failed: {why}")
    try:
        return messages.GeneratePackageResponse.FromString(answer)
    except DecodeError as error:
        raise EngineError(f"the generator of SDKs {generator} gave no answer; remove it and {_GET_IT}") from error
