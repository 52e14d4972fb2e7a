"""The one error for bad input: what it was, what was got, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Callable


class InputError(ValueError):
    """Something from outside (file, message, option, device) cannot be used as it is.

    The command line prints it as one line, without a stack trace, and exits with status 2.
    """

    def __init__(self, *, what: str, got: str, allowed: str, todo: str) -> None:
        super().__init__(f"{what}: got {got}; allowed: {allowed}; {todo}")
        self.what = what
        self.got = got
        self.allowed = allowed
        self.todo = todo

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[str, ...]]:
        """What pickle needs to carry the error out of a worker process."""
        return _input_error, (self.what, self.got, self.allowed, self.todo)


class CameraGoneError(InputError):
    """A camera that ran gives no more: unplugged, switched off, or its library gave up."""

    def __init__(self, camera: str, why: str) -> None:
        super().__init__(
            what=f"camera {camera}",
            got=why,
            allowed="a camera that stays plugged in",
            todo="plug it in again; `wigwag devices` says what is there",
        )
        self.camera = camera

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[str, ...]]:
        """What pickle needs to carry the error out of a worker process."""
        return CameraGoneError, (self.camera, self.got)


def in_words(error: Exception) -> str:
    """What an error says, without the number and the (perhaps temporary) name of a system error."""
    return getattr(error, "strerror", None) or str(error)


def _input_error(what: str, got: str, allowed: str, todo: str) -> InputError:
    return InputError(what=what, got=got, allowed=allowed, todo=todo)
