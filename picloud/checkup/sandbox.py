"""What confines handlers on this machine, tried out."""

from collections.abc import Iterator

from picloud.checkup.finding import Finding, State, broken
from picloud.sandbox_pool.executor import Executor, ExecutorGone
from picloud.sandbox_pool.layers import Layer

REMEDIES = {
    "namespaces": "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000",
    "memory control group": "sed -i '$ s/$/ cgroup_enable=memory/' /boot/firmware/cmdline.txt && reboot",
    "limits (rlimits)": "systemctl revert picloud picloud-executor && picloud init --non-interactive",
    "privileges (no-new-privs)": "systemctl revert picloud picloud-executor && picloud init --non-interactive",
    "system calls (seccomp)": "systemctl revert picloud picloud-executor && picloud init --non-interactive",
}
"""By the layer's name. A layer that the kernel was built without has none: its detail says what to do."""


def sandbox(executor: Executor) -> Iterator[Finding]:
    try:
        layers = executor.examined()
    except ExecutorGone as error:
        yield broken("sandbox", str(error), "journalctl -u 'picloud*' -n 50")
        return
    yield from map(_finding, layers)


def _finding(layer: Layer) -> Finding:
    weight = "required" if layer.required else "bonus"
    state = State.OK if layer.holds else State.BROKEN if layer.required else State.WARNING
    return Finding(layer.name, state, f"{weight}: {layer.detail}", "" if layer.holds else REMEDIES.get(layer.name, ""))
