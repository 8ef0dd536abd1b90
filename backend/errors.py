"""What is wrong, and what to do about it. Standard library only: the add-on says it too."""

from __future__ import annotations


def readable(text: str) -> str:
    """Put a ? for what no text may hold: names of files may, on Linux (lone surrogates)."""
    return text.encode("utf-8", "replace").decode("utf-8")


class PatinaError(Exception):
    """Something a person can mend: what is wrong, and what to do about it.

    `field` names the job's field, the file or the object at fault.
    """

    def __init__(self, message: str, cure: str = "", field: str = "") -> None:
        message, cure = readable(message), readable(cure)
        super().__init__(message)
        self.message, self.cure, self.field = message, cure, field

    def __str__(self) -> str:
        return f"{self.message} {self.cure}".strip()
