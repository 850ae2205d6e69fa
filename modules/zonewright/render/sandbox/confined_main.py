"""The process that users' templates run in: limits first, then the templates, then one JSON object."""

import contextlib
import json
import pickle
import resource
import sys

from zonewright.render.errors import RenderError
from zonewright.render.sandbox.job import render


def main() -> int:
    """Read jobs from standard input, write files or one refusal to standard output."""
    memory_bytes, cpu_s, output_bytes, jobs = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file is written, whatever a template finds
    files, total = {}, 0
    job = None
    try:
        for job in jobs:
            text = render(job)
            total += len(text.encode())
            if total > output_bytes:
                raise RenderError(f"all files of users' templates together have more than {output_bytes // 1024**2} MB")  # noqa: TRY301
            files[job.path] = text
        answer = json.dumps({"files": files})
    except RenderError as error:
        # Text of a template's error can be as long as it likes; a sentence is not.
        fields = ("what", "template", "line", "variable", "data_path", "subject")
        found = {name: getattr(error, name) for name in fields}
        answer = json.dumps({"error": {**found, "what": str(found["what"])[:1000]}})
    except MemoryError:
        files.clear()
        name = job.file.template if job is not None else ""
        what = f"it took more than {memory_bytes // 1024**2} MB of memory"
        answer = json.dumps({"error": {"what": what, "template": name}})
    sys.stdout.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
