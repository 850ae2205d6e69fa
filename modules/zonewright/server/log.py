"""The service's log: sentences for people, or one JSON object a line for programs that collect logs."""

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = "zonewright_fields"
"""What a record carries besides its message: a mapping of names to plain values."""


class JsonLines(logging.Formatter):
    """One object a line, in UTF-8: time in UTC, level, logger, message, and what the record carries besides."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; line ends within a text are escaped, so nobody can write a line of their own."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        content = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        content |= getattr(record, FIELDS, {})
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False, default=str)


def log_as_json() -> None:
    """Send all records of this process from INFO on to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
