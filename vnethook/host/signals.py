"""Hold back what would end this process half-way through a change that must not stay half-made."""

from _signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGQUIT, SIGTERM, pthread_sigmask  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_ENDING = (SIGHUP, SIGINT, SIGQUIT, SIGTERM)


class HeldBack:
    """For `with`: a terminal that goes, an impatient caller, count from its end on."""

    def __enter__(self) -> "Self":
        self._before = pthread_sigmask(SIG_BLOCK, _ENDING)
        return self

    def __exit__(self, *_: object) -> None:
        pthread_sigmask(SIG_SETMASK, self._before)
