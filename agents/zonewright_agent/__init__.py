"""The on-host agent: reads power and load, spools it safely, and sends it as OTLP. Standard library and psutil only."""

__version__ = "0.1.0"
