"""The named points are where the fault tests look for them. Quick, so that a changed name shows without the long tests."""

import pytest

from tests.faults.points import POINTS, find


@pytest.mark.parametrize("point", POINTS)
def test_every_point_is_there(point: str) -> None:
    owner, name = find(POINTS[point][0])
    assert callable(getattr(owner, name))
