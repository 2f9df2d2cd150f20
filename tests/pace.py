"""What a slow machine, or one that can't confine handlers, changes in the tests: two variables of the environment.

`TESTS_PATIENCE=10`: every wait, and the limits of handlers, are ten times as long. `TESTS_UNCONFINED=1`: handlers run even
where the kernel has no `seccomp`, as under an emulator; then nothing is shown of the sandbox.
"""

import os

PATIENCE = float(os.environ.get("TESTS_PATIENCE", "1"))
UNCONFINED = os.environ.get("TESTS_UNCONFINED") == "1"
