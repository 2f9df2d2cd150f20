"""The executor: where workers come from. Starts its child, starts it anew when it has died or served its time.

Imports nothing but the standard library, so that `picloud serve` can start it before anything heavy is imported.
"""

import math
import threading
import time
from collections.abc import Callable
from functools import partial

from picloud.sandbox_pool.child import Child, ChildGone
from picloud.sandbox_pool.launch import ZYGOTE
from picloud.sandbox_pool.layers import Layer
from picloud.sandbox_pool.local_child import LocalChild
from picloud.sandbox_pool.process import Exit, WorkerProcess
from picloud.sandbox_pool.selftest import examine

MAX_FORKS = 10_000
MAX_AGE_S = 86_400.0
EXAMINE_AGAIN_S = 10.0
"""A bad verdict is not for good: what was missing may have been allowed since."""
_ATTEMPTS = 3


class ExecutorGone(Exception):
    """No worker can be had: the executor can't be started, or what confines its workers doesn't hold."""


class Executor:
    """Thread-safe. `module` is what the child's keeper runs; it must speak `zygote`'s protocol. With `connect` a child
    is had from somebody else instead.

    A worker shares its address layout with all that were forked from the same child, so a child is replaced after
    10,000 forks or a day. `accept_unconfined` lets handlers run where a required layer is missing.
    """

    def __init__(
        self,
        module: str = ZYGOTE,
        paths: tuple[str, ...] = (),
        *,
        accept_unconfined: bool = False,
        connect: Callable[[], Child] | None = None,
    ) -> None:
        self._new_child = connect or partial(LocalChild, module, paths)
        self._accept_unconfined = accept_unconfined
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._retired: list[Child] = []
        self._layers: tuple[Layer, ...] | None = None
        self._examined: Child | None = None
        self._examine_again = 0.0
        self._closed = False

    def start(self) -> None:
        """Starts the child if it isn't running; doesn't wait until it is ready. Raises ExecutorGone when closed."""
        with self._lock:
            try:
                self._running_child()
            except ChildGone as error:
                raise ExecutorGone(f"the executor can't be started: {error}") from error

    @property
    def pid(self) -> int | None:
        """The child's pid, while it runs."""
        with self._lock:
            return self._child.pid if self._child is not None and self._child.running() else None

    @property
    def workers(self) -> int:
        """How many live."""
        with self._lock:
            children = self._retired if self._child is None else [self._child, *self._retired]
            return sum(child.living for child in children if not child.stopped)

    def layers(self) -> tuple[Layer, ...]:
        """What confines workers, as tried out at the first start (about 0.2 s); waits for it.

        Raises ExecutorGone where handlers may not be run.
        """
        with self._lock:
            layers = self.examined()
            broken = [layer for layer in layers if layer.required and not layer.holds]
            if broken and not self._accept_unconfined:
                reasons = "; ".join(f"{layer.name}: {layer.detail}" for layer in broken)
                raise ExecutorGone(f"handlers can't be confined on this machine ({reasons})")
            return layers

    def examined(self) -> tuple[Layer, ...]:
        """The same, without judging it. Raises ExecutorGone where no worker can be started at all."""
        with self._lock:
            now = time.monotonic()
            if self._layers is None or now >= self._examine_again or self._is_unknown():
                namespaces = self._greeting("namespaces")
                child = self._child
                self._layers = examine(self._spawn, self.bury, namespaces, self._greeting("missing"))
                self._examined = child
                holds = all(layer.holds for layer in self._layers if layer.required)
                self._examine_again = math.inf if holds else now + EXAMINE_AGAIN_S
            return self._layers

    def spawn(self, memory_bytes: int) -> WorkerProcess:
        """A new, empty worker (about 3 ms). Raises ExecutorGone."""
        with self._lock:
            return self._try(memory_bytes, self._make_sure)

    def keeps(self, worker: WorkerProcess) -> bool:
        """Whether `worker` lives and may take another event: it may not when its child has been replaced."""
        alive = worker.alive()  # first: a stopped child's descriptors may by now be something else's
        return alive and worker.child is self._child and not worker.child.stopped

    def bury(self, worker: WorkerProcess) -> Exit | None:
        """Kills and forgets `worker`; says how it ended (which may have been before), None where that isn't known."""
        worker.kill()
        with self._lock:
            ended = None
            try:
                ended = worker.child.reap(worker.inner_pid)
            except ChildGone:
                worker.child.stop()
            if worker.child in self._retired and worker.child.living <= 0:
                self._retired.remove(worker.child)
                worker.child.stop()
        worker.close()
        return ended

    def close(self) -> None:
        """Ends the child and with it all workers."""
        with self._lock:
            self._closed = True
            for child in (self._child, *self._retired):
                if child is not None:
                    child.stop()
            self._child = None
            self._retired.clear()

    def _greeting(self, name: str) -> dict[str, str]:
        try:
            return self._running_child().greeting()[name]
        except ChildGone as error:
            self._stop_child()
            raise ExecutorGone(f"the executor can't be started: {error}") from error

    def _stop_child(self) -> None:
        """After a word too few or too many there is nothing to go on from."""
        if self._child is not None:
            self._child.stop()

    def _spawn(self, memory_bytes: int) -> WorkerProcess:
        return self._try(memory_bytes, self._running_child)

    def _try(self, memory_bytes: int, make_sure: Callable[[], object]) -> WorkerProcess:
        """`make_sure` leaves a child that runs."""
        for attempt in range(_ATTEMPTS):
            try:
                make_sure()
                assert self._child is not None
                return self._child.spawn(memory_bytes)
            except (ChildGone, OSError) as error:
                self._stop_child()
                if attempt == _ATTEMPTS - 1:
                    raise ExecutorGone(f"no worker could be started: {error}") from error
        raise AssertionError

    def _make_sure(self) -> None:
        self._running_child()
        self.layers()
        if self._is_unknown():
            raise ChildGone("it was replaced while it was tried out")

    def _is_unknown(self) -> bool:
        """Whether somebody else may have changed what confines workers, since it was tried out."""
        child = self._child
        return child is not None and child.foreign and not (child is self._examined and child.running())

    def _running_child(self) -> Child:
        if self._closed:
            raise ExecutorGone("the executor has been closed")
        child = self._child
        if child is not None and child.running() and self._is_worn(child):
            if child.living > 0:
                self._retired.append(child)
                child = None
            else:
                child.stop()
        if child is None or not child.running():
            if child is not None:
                child.stop()
            child = self._child = self._new_child()
        return child

    @staticmethod
    def _is_worn(child: Child) -> bool:
        return child.forks >= MAX_FORKS or time.monotonic() - child.started >= MAX_AGE_S
