"""Which cores a model goes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


class HasLoad(Protocol):
    """What placement looks at in a core."""

    used: int
    models: int


C = TypeVar("C", bound=HasLoad)


@dataclass(frozen=True)
class Placement:
    """The first core and how many; -1 leaves it to the runtime."""

    start_nc: int = -1
    nc_count: int = -1

    def check(self, visible: int) -> None:
        """Refuse cores that the process does not see.

        Raises:
            ValueError: saying which number is wrong.
        """
        if self.nc_count < -1 or self.nc_count == 0 or self.nc_count > visible:
            raise ValueError(
                f"nc_count must be -1 or between 1 and the {visible} visible NeuronCores, "
                f"not {self.nc_count}"
            )
        if self.start_nc < -1 or self.start_nc + max(self.nc_count, 1) > visible:
            raise ValueError(
                f"start_nc={self.start_nc} with nc_count={self.nc_count} is outside the {visible} "
                "visible NeuronCores"
            )

    def groups(self, cores: Sequence[C], per_model: int) -> list[list[C]]:
        """Return one group of cores for each replica.

        Raises:
            ValueError: the model needs more cores than it is given.
            RuntimeError: it needs more than there are.
        """
        self.check(len(cores))
        if per_model > len(cores):
            raise RuntimeError(
                "Could not load the model status=9 message=Not enough NeuronCores: the model needs "
                f"{per_model}, {len(cores)} are visible"
            )
        count = per_model if self.nc_count == -1 else self.nc_count
        if count < per_model:
            raise ValueError(f"nc_count={count}, but the model needs {per_model} NeuronCores")
        start = _least_used(cores, count) if self.start_nc == -1 else self.start_nc
        if start + count > len(cores):
            raise ValueError(f"start_nc={start} leaves no {count} NeuronCores for the model")
        firsts = range(start, start + count - per_model + 1, per_model)
        return [list(cores[first : first + per_model]) for first in firsts]


ANYWHERE = Placement()
_current = [ANYWHERE]
"""Not one for each thread: contexts of several threads disturb each other, as the real ones do."""


def current() -> Placement:
    """Return the placement of the innermost context."""
    return _current[-1]


def enter(placement: Placement) -> None:
    """Begin a context."""
    _current.append(placement)


def leave() -> None:
    """End the innermost context."""
    _current.pop()


def _least_used(cores: Sequence[HasLoad], count: int) -> int:
    def load(start: int) -> tuple[int, int]:
        group = cores[start : start + count]
        return sum(core.models for core in group), sum(core.used for core in group)

    return min(range(len(cores) - count + 1), key=load)
