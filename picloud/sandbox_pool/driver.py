"""Drives one run: gives a worker its event, answers its calls, counts what it uses, and says how it ended."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from picloud.sandbox_pool import frames
from picloud.sandbox_pool.header_rules import BadAnswer
from picloud.sandbox_pool.http_answer import checked
from picloud.sandbox_pool.job import Job
from picloud.sandbox_pool.outcome import ErrorInfo, LogEntry, Outcome, Response, Status
from picloud.sandbox_pool.process import WorkerProcess
from picloud.sandbox_pool.protocol import FrameTooLarge, Kind, ProtocolError
from picloud.sandbox_pool.watch import Expired, Watch

HostCalls = Callable[[str, Mapping[str, Any]], Any]
"""(verb, arguments) -> a JSON value. Raises HostError for what the handler should see; anything else that it raises
ends the run and comes out of `Pool.run`."""

_HARD_MESSAGES = {
    Status.cpu: "the handler used up its CPU time",
    Status.wall: "the handler took too long",
    Status.output: "the worker sent more than it may",
    Status.crash: "the worker died",
    Status.protocol: "the worker broke the protocol",
}


class HostError(Exception):
    """Raised by a host call; raised again inside the handler, as the builtin exception `type` or one of that name."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type
        self.message = message


class _HostFailed(Exception):
    """Carries what a host call raised past the handling of what the worker did."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _CallsGoOn(ProtocolError):
    """The worker takes no no for an answer: to refuse costs more CPU here than to ask costs it there."""


class Run:
    """One event in one worker. `spent` says afterwards that the worker must not be given another."""

    def __init__(self, worker: WorkerProcess, job: Job, host: HostCalls | None) -> None:
        self._worker = worker
        self._job = job
        self._host = host
        self._watch = Watch(worker, job.limits)
        self._outcome = Outcome(Status.ok, job.limits)
        self._log_bytes = 0
        self._calls = 0
        self._call_bytes = 0
        self.spent = False

    def drive(self, opening: list[tuple[Kind, bytes]]) -> Outcome:
        """Sends `opening`, then sees the run through. The caller must kill the worker unless the status is ok or error.

        Raises what `host` raised, if it wasn't a HostError (then, too, the worker must be killed).
        """
        watch = self._watch
        try:
            self._converse(opening)
            if watch.hit is not None and self._outcome.status in (Status.ok, Status.error):
                self._hard(watch.hit)
        except _HostFailed as failed:
            raise failed.error from None
        except Expired as expired:
            self._hard(expired.status)
        except FrameTooLarge as error:
            self._hard(Status.output if error.kind in _COUNTED else Status.protocol, str(error))
        except _CallsGoOn as error:
            self._hard(Status.output, str(error))
        except (ProtocolError, msgspec.DecodeError) as error:
            self._hard(Status.protocol, str(error))
        except (EOFError, OSError):
            self._hard(Status.crash)
        self._measure()
        return self._outcome

    def _measure(self) -> None:
        outcome = self._outcome
        outcome.wall_ms = (time.monotonic_ns() - self._watch.started_ns) / 1e6
        try:
            cpu_ns = self._watch.cpu_used_ns()
        except OSError:  # it has ended, and left nothing to read
            return
        outcome.cpu_ms = cpu_ns / 1e6
        outcome.memory_peak_bytes = self._worker.growth(cpu_ns)

    def _converse(self, opening: list[tuple[Kind, bytes]]) -> None:
        worker, watch, limits = self._worker, self._watch, self._job.limits
        for kind, body in opening:
            worker.channel.send(kind, body, watch.patience_s)
        caps: dict[int, int] = {
            Kind.LOG: limits.log_bytes,
            Kind.CALL: limits.host_bytes,
            Kind.RESULT: limits.output_bytes,
            Kind.RESPONSE: limits.output_bytes + frames.RESPONSE_HEAD_BYTES,
            Kind.FAILED: frames.FAILED_CAP_BYTES,
            Kind.SPENT: 0,
        }
        while True:
            frame = worker.channel.take(caps)
            if frame is None:
                worker.fill(watch.patience_s())
            elif self._handle(*frame):
                return

    def _handle(self, kind: int, body: bytes) -> bool:
        """Whether the run has ended with this frame."""
        if kind == Kind.RESULT:
            self._outcome.result = frames.check_json(body)
        elif kind == Kind.RESPONSE:
            self._respond(body)
        elif kind == Kind.FAILED:
            self._failed(body)
        else:
            self._note(kind, body)
            return False
        return True

    def _note(self, kind: int, body: bytes) -> None:
        """A frame after which the run goes on."""
        if kind == Kind.LOG:
            self._log(body)
        elif kind == Kind.CALL:
            self._call(body)
        elif self.spent:
            raise ProtocolError("spent twice")
        else:
            self.spent = True

    def _respond(self, body: bytes) -> None:
        head, content = frames.split_response(body)
        if len(content) > self._job.limits.output_bytes:
            raise FrameTooLarge(Kind.RESPONSE, len(content), self._job.limits.output_bytes)
        try:
            self._outcome.response = checked(head, content)
        except BadAnswer as error:
            self._outcome.status = Status.error
            self._outcome.error = ErrorInfo("BadAnswer", str(error))
            return
        self._outcome.result = _stored(self._outcome.response, head.form)

    def _failed(self, body: bytes) -> None:
        failed = frames.decode_failed(body)
        self._outcome.status = Status(failed.status)
        self._outcome.error = failed.as_error()
        self._outcome.control = failed.as_control()

    def _log(self, body: bytes) -> None:
        logs, limits = self._outcome.logs, self._job.limits
        self._log_bytes += len(body)
        if self._log_bytes > limits.log_bytes or len(logs) >= limits.log_lines:
            raise FrameTooLarge(Kind.LOG, self._log_bytes, limits.log_bytes)
        entry = frames.decode_log(body)
        logs.append(LogEntry(level=entry.level, message=entry.message, fields=entry.fields, at_ms=entry.at_ms))

    def _call(self, body: bytes) -> None:
        limits = self._job.limits
        self._calls += 1
        self._call_bytes += len(body)
        used = max(self._calls / limits.host_calls, self._call_bytes / limits.host_bytes)
        if used > _CALLS_ANSWERED:
            raise _CallsGoOn(f"calls after its {limits.host_calls} calls or {limits.host_bytes} bytes were used up")
        call = frames.decode_call(body) if used <= 1 else None
        try:
            if call is None:
                raise HostError("QuotaExceeded", f"more than {limits.host_calls} calls or {limits.host_bytes} bytes")
            if self._host is None:
                raise HostError("NotImplementedError", f"{call.verb} is not available here")
            reply: dict[str, Any] = {"value": self._host(call.verb, call.args)}
        except HostError as error:
            reply = {"error": {"type": error.type, "message": error.message}}
        except Exception as error:  # ours, not the worker's: it must not be taken for a broken connection
            raise _HostFailed(error) from error
        self._worker.channel.send(Kind.REPLY, json.dumps(reply).encode(), self._watch.patience_s)

    def _hard(self, status: Status, detail: str = "") -> None:
        """The run ended without, or against, the worker's own word."""
        outcome = self._outcome
        outcome.status = status
        outcome.result = outcome.response = outcome.control = None
        message = _HARD_MESSAGES[status] + (f": {detail}" if detail else "")
        outcome.error = ErrorInfo(_HARD_TYPES.get(status, "WorkerError"), message)


_CALLS_ANSWERED = 2
"""Up to how many times its quota of host calls a run is answered: with refusals, beyond the first."""
_COUNTED = frozenset({Kind.LOG, Kind.RESULT, Kind.RESPONSE})
_HARD_TYPES = dict.fromkeys((Status.cpu, Status.wall, Status.output), "LimitHit")


def _stored(response: Response, form: str) -> bytes | None:
    """What the execution keeps of a response as its result."""
    if form == "json":
        return frames.check_json(response.body)
    if form == "text":
        try:
            return msgspec.json.encode(response.body.decode())
        except UnicodeDecodeError:
            raise ProtocolError("a text response that is not UTF-8") from None
    return None if response.body else b"null"
