"""The Pulumi plugin ``zonewright``: a servicer of its own on the SDK's generated gRPC stubs.

``pulumi.provider.experimental`` loses unknowns, old inputs, the right DiffConfig and the Read of a thing that is
gone (each has a regression test in ``tests/protocol``), so it is not used.
"""


def main() -> None:
    """Entry point ``pulumi-resource-zonewright``."""
    import sys  # noqa: PLC0415 - the entry point must not load gRPC for `import zonewright.provider`

    from zonewright.collector import collect_rarely  # noqa: PLC0415

    collect_rarely()
    from zonewright.provider.server import serve  # noqa: PLC0415

    serve(sys.argv[1:])
