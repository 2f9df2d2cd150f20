"""The parts that PiCloud can run as: what each does, and which addresses it serves."""

from dataclasses import dataclass

INTAKE = ("/run/", "/api/v1/email-inbound/")
"""Where events come in."""
EVERYWHERE = ("/healthz", "/readyz", "/metrics", "/internal/")


@dataclass(frozen=True, slots=True)
class Part:
    """`administers`: the admin API and the dashboard. `spare_workers`: kept ready for handlers."""

    name: str
    takes_in: bool
    delivers: bool
    administers: bool
    schedules: bool
    spare_workers: int

    def serves(self, path: str) -> bool:
        if path.startswith(EVERYWHERE):
            return True
        return self.takes_in if path.startswith(INTAKE) else self.administers


WHOLE = Part("serve", takes_in=True, delivers=True, administers=True, schedules=True, spare_workers=1)
MANAGER = Part("manager", takes_in=False, delivers=False, administers=True, schedules=True, spare_workers=0)
ORCHESTRATOR = Part("orchestrator", takes_in=True, delivers=True, administers=False, schedules=False, spare_workers=1)
