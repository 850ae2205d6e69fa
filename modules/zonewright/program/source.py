"""Where in the user's program resources come from: the one line that the engine keeps with each."""

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

import pulumi
from pulumi.runtime import resource as sdk
from pulumi.runtime.proto import source_pb2

StackFrames = list[source_pb2.StackFrame]
_OWN_FOLDERS = (str(Path(__file__).resolve().parents[1]), str(Path(pulumi.__file__).resolve().parent))


_IS_ELSEWHERE: ContextVar[bool] = ContextVar("_IS_ELSEWHERE", default=False)


@contextmanager
def program_elsewhere() -> Iterator[None]:
    """The program runs in another process, such as one in TypeScript: no frame of this one is its."""
    token = _IS_ELSEWHERE.set(True)
    try:
        yield
    finally:
        _IS_ELSEWHERE.reset(token)


def calling_frame() -> FrameType | None:
    """The innermost frame outside this package and the SDK that leads to the caller; None where there is none."""
    if _IS_ELSEWHERE.get():
        return None
    for frame, _ in traceback.walk_stack(inspect.currentframe()):
        name = frame.f_code.co_filename
        if Path(name).is_absolute() and not name.startswith(_OWN_FOLDERS):
            return frame
    return None


def user_frame(frame: FrameType | None) -> StackFrames:
    """A line of the user's program as the engine takes it; none where there is none.

    Args:
        frame: the frame that called.
    """
    if frame is None:
        return []
    position = source_pb2.SourcePosition(uri=Path(frame.f_code.co_filename).as_uri(), line=frame.f_lineno)
    return [source_pb2.StackFrame(pc=position)]


@contextmanager
def stack_traces(frames: StackFrames) -> Iterator[None]:
    """Give each resource these frames as its stack trace.

    The SDK sends the whole Python stack with every resource, and the engine stores it: 1.4 kB of the 2.6 kB of a
    node. Where the SDK has no such function any more, nothing is changed.
    """
    original = getattr(sdk, "_get_stack_trace", None)
    if original is None:
        yield
        return
    trace = source_pb2.StackTrace(frames=frames)
    sdk._get_stack_trace = lambda: trace  # noqa: SLF001 - see above
    try:
        yield
    finally:
        sdk._get_stack_trace = original  # noqa: SLF001
