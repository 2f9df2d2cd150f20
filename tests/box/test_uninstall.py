"""The last of them: afterwards PiCloud is not installed any more."""

import pytest

from tests.box.admin import PICLOUD, Admin

pytestmark = [pytest.mark.box, pytest.mark.timeout(900)]


def test_uninstalling_leaves_the_data(admin: Admin) -> None:
    admin.machine.run(PICLOUD, "uninstall", "--yes")
    assert "0 unit files listed" in admin.machine.run("systemctl", "list-unit-files", "picloud*", check=False)
    assert admin.machine.run("ls", "/var/lib/picloud/postgres/PG_VERSION", "/etc/picloud/master.key")
    assert (
        admin.machine.run("sh", "-c", "ls /etc/systemd/system/picloud* /etc/caddy/Caddyfile 2>/dev/null | wc -l") == "0"
    )
