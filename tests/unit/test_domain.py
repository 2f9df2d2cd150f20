from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picloud.domain import ids, limits, paths
from picloud.domain.access import APP_GRANTS, INSTANCE_GRANTS, SCOPE_COVERS, Capability, Scope
from picloud.domain.clock import rfc3339
from picloud.domain.errors import Invalid, PicloudError
from picloud.domain.kinds import AppRole, InstanceRole
from picloud.models import ExecutionStatus
from picloud.sandbox_pool.outcome import Status


def test_ids_are_uuid7_in_order() -> None:
    made = [ids.uuid7() for _ in range(5000)]
    assert made == sorted(set(made))
    assert {(i.version, i.variant) for i in made} == {(7, "specified in RFC 4122")}


def test_an_id_lies_within_the_bounds_of_its_time() -> None:
    before = datetime.now(UTC)
    made = ids.uuid7()
    assert ids.lower_bound(before) <= made
    assert made < UUID(int=ids.lower_bound(datetime.now(UTC)).int + (5000 << 80))


def test_only_canonical_ids_are_read() -> None:
    made = ids.uuid7()
    assert ids.parse(str(made)) == made
    assert ids.parse(made.hex) is None
    assert ids.parse(f"{{{made}}}") is None
    assert ids.parse("x") is None


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/", "/", {}),
        ("/a/{x}", "/a/b", {"x": "b"}),
        ("/a/{x}", "/a/b%20c", {"x": "b c"}),
        ("/a/{x}", "/a/", None),
        ("/a/{x}", "/a/b/c", None),
        ("/a/{x...}", "/a/b/c", {"x": "b/c"}),
        ("/a/{x...}", "/a/", {"x": ""}),
        ("/a.b", "/axb", None),
        ("/caf%c3%a9/{x}", "/caf%C3%A9/%2f", {"x": "/"}),
        ("/a%2Fb", "/a%2fb", {}),
        ("/%61", "/a", {}),
        ("/a", "/%61", {}),
        ("/a/{x}", "/a/50%", {"x": "50%"}),
        ("/a/b", "/a%2Fb", None),
    ],
)
def test_patterns(pattern: str, path: str, params: dict[str, str] | None) -> None:
    assert paths.match(pattern, path) == params


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("/a/{x}", "/a/{y}", True),
        ("/{x}/{y...}", "/{a}/{b...}", True),
        ("/a%2fb", "/a%2Fb", True),
        ("/a/{x}", "/a/{x...}", False),
        ("/a/{x}", "/a/x", False),
        ("/a", "/a/", False),
    ],
)
def test_patterns_of_one_form(one: str, other: str, alike: bool) -> None:
    assert (paths.form(one) == paths.form(other)) is alike


@pytest.mark.parametrize("pattern", ["/a/../b", "/.", "/%2e%2E/a", "/50%", "/%zz", "/%"])
def test_what_no_call_could_match_is_refused(pattern: str) -> None:
    with pytest.raises(paths.PatternError):
        paths.check_new(pattern)


@given(st.text(max_size=40))
def test_any_pattern_compiles_or_is_refused(pattern: str) -> None:
    with suppress(paths.PatternError):
        assert paths.compile_pattern(pattern).pattern.startswith("/")


def test_every_capability_can_be_had_and_used() -> None:
    assert INSTANCE_GRANTS[InstanceRole.OWNER] == frozenset(Capability)
    by_no_key = {Capability.SELF_MANAGE_SIGN_IN}
    assert frozenset().union(*SCOPE_COVERS.values()) == frozenset(Capability) - by_no_key
    assert set(SCOPE_COVERS) == set(Scope)
    assert len(Scope) == 7


def test_app_roles_grow_and_reach_nothing_outside_the_app() -> None:
    viewer, editor, app_admin = (APP_GRANTS[role] for role in (AppRole.VIEWER, AppRole.EDITOR, AppRole.APP_ADMIN))
    assert viewer < editor < app_admin
    assert not any(capability.startswith(("instance.", "self.")) for capability in app_admin)


def test_all_errors_have_a_stable_code() -> None:
    kinds = PicloudError.__subclasses__()
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(400 <= kind.status < 600 for kind in kinds)


def test_times_end_in_z() -> None:
    assert rfc3339(datetime(2026, 11, 22, 10, 0, tzinfo=UTC)) == "2026-11-22T10:00:00Z"


@pytest.mark.parametrize("bad", [{"speed": 1}, {"cpu_ms": 0}, {"cpu_ms": "1"}, {"cpu_ms": True}, {"wall_ms": 2**40}])
def test_bad_limits(bad: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        limits.checked(bad)
    assert caught.value.errors[0].pointer == f"/limits/{next(iter(bad))}"


def test_a_null_limit_is_none() -> None:
    assert limits.checked({"cpu_ms": 50, "wall_ms": None}) == {"cpu_ms": 50}


def test_an_execution_can_have_every_status_of_a_run() -> None:
    assert {status.value for status in ExecutionStatus} == {status.value for status in Status}
