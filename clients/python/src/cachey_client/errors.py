"""The errors of the client. Each names the status, the node, the request id and the server's text, as far as known."""

from __future__ import annotations

import ssl
from typing import Any

_TEXT_MAX = 512
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


def printable(text: str, most: int = _TEXT_MAX) -> str:
    """One line without control characters, cut after `most` characters."""
    if len(text) <= most and text.isprintable():
        return text.strip()
    line = "".join(c if c.isprintable() else "?" for c in text[: most + 1].strip())
    return line if len(line) <= most else line[:most] + "..."


def described(fault: object) -> str:
    """A fault of the network or of a file in words, without names of Python and numbers of errors."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"TLS: the certificate is refused: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        if fault.reason in _NO_TLS:
            return "TLS: the answer is not TLS; is the port one of clear text?"
        return f"TLS: {(fault.reason or str(fault)).replace('_', ' ').lower()}"
    if isinstance(fault, CacheyError):
        return str(fault)
    if isinstance(fault, UnicodeError):
        return "not UTF-8"
    if isinstance(fault, OSError):
        where = f"{fault.filename}: " if fault.filename else ""
        return where + (fault.strerror.lower() if fault.strerror else str(fault) or "timed out")
    return f"{type(fault).__name__}: {fault}" if isinstance(fault, Exception) else str(fault)


class CacheyError(Exception):
    """The base of all errors of the client."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        node: str | None = None,
        request_id: str | None = None,
        text: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = printable(message)
        self.status = status
        self.node = node
        self.request_id = request_id
        self.text = None if text is None else printable(text)
        self.retry_after = retry_after
        super().__init__(self.message)

    def said(self) -> str:
        """The error without the node and the request."""
        said = self.message if self.status is None else f"{self.message}, status {self.status}"
        return f"{said}: {self.text}" if self.text else said

    def __str__(self) -> str:
        said = self.said()
        where = [f"{name} {value}" for name, value in (("node", self.node), ("request", self.request_id)) if value]
        return f"{said} ({', '.join(where)})" if where else said

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.message, self._facts())

    def _facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("status", "node", "request_id", "text", "retry_after")}


def _rebuilt(kind: type[CacheyError], message: str, facts: dict[str, Any]) -> CacheyError:
    return kind(message, **facts)


class NotFound(CacheyError, FileNotFoundError):
    """404: there is no such object or bucket."""


class Denied(CacheyError, PermissionError):
    """401 or 403: no valid token, or the store or the server does not allow the request."""


class Invalid(CacheyError, ValueError):
    """400, or an argument that breaks a rule."""


class OutOfRange(CacheyError):
    """416: the range begins past the end. `size` is the object's size, if known."""

    def __init__(self, message: str, *, size: int | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.size = size

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | {"size": self.size}


class Changed(CacheyError):
    """409 or 412: the object is not of the version that was asked for, or changed during the read."""


class NotCached(CacheyError):
    """504 of a read with only_if_cached: not all bytes are in the cache."""


class Unavailable(CacheyError):
    """No node gave a right answer. The text names the last fault."""


class DeadlineExceeded(CacheyError, TimeoutError):
    """The deadline passed before the answer was complete."""
