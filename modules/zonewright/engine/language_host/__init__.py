"""The Python language host: what the Pulumi engine starts to run a program or a plugin written in Python.

The official host is a Go program whose module the Go proxy does not serve, so an engine that zonewright builds
has this one beside it: a gRPC server of `LanguageRuntime`, made from the stubs that the Pulumi SDK ships. It keeps
to the official host's command lines and answers, and adds one promise: it never outlives its engine, and nothing
it started outlives it.

Must not: know anything of zones, or import another room of zonewright.
"""
