"""What `ctx` and all that hangs on it have in common: to what they can't do they answer with what they can."""

from typing import Any, ClassVar, NoReturn


class HandlerObject:
    """`_usage` says in one line what there is. It follows a name, as in `ctx.secrets: …`."""

    __slots__ = ()
    _usage: ClassVar[str]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self!r} has no {name!r}: {self._usage}")

    def __getitem__(self, key: Any) -> Any:
        self._cannot("can't be read by [ ]")

    def __contains__(self, key: object) -> bool:
        self._cannot("can't be asked by `in`")

    def __iter__(self) -> Any:
        self._cannot("can't be gone through")

    def __len__(self) -> int:
        self._cannot("has no length")

    def __bool__(self) -> bool:
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._cannot("is no function")

    def _cannot(self, what: str) -> NoReturn:
        raise TypeError(f"{self!r} {what}: {self._usage}")

    @property
    def _unchangeable(self) -> str:
        """Why nothing can be assigned to it."""
        return f"{self!r} can't be changed here: {self._usage}"
