"""What can go wrong, in a form that a person can act on."""

from __future__ import annotations


class SetupError(Exception):
    """Something a person can mend: what is wrong, and what to do about it; `said` is all that was said."""

    def __init__(self, message: str, cure: str, said: str = "") -> None:
        super().__init__(message)
        self.message, self.cure, self.said = message, cure, said

    def __str__(self) -> str:
        return f"{self.message} {self.cure}"


class Cancelled(Exception):
    """The person asked to stop. What was fetched so far is kept for the next time."""
