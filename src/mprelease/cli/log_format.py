"""The formats of log lines: text for people, JSON for programs that collect logs."""

import json
import logging
from datetime import UTC, datetime

from mprelease import log_context
from mprelease.domain.logs import LogFormat

_WITH_LOGGER = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_SHORT = "%(asctime)s %(levelname)s %(message)s"


def formatter(chosen: LogFormat, *, short: bool = False) -> logging.Formatter:
    """Return the formatter of a setting; short text does not name the logger."""
    if chosen is LogFormat.JSON:
        return JsonFormatter()
    return TextFormatter(_SHORT if short else _WITH_LOGGER)


class TextFormatter(logging.Formatter):
    """One line, then the traceback; with the id of the request, if the line is about one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 the base's name
        """Return the first line."""
        line = super().formatMessage(record)
        request = log_context.request_id.get()
        return f"{line} [request {request}]" if request else line


class JsonFormatter(logging.Formatter):
    """One JSON object in one line, with the ids of the request and the release, if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, object] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := log_context.request_id.get():
            fields["request_id"] = request
        if release := log_context.release_id.get():
            fields["release"] = release
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)
