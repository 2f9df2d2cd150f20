from picloud.services.requests.rate_limits import MAX_BUCKETS, TokenBuckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_refills() -> None:
    clock = Clock()
    buckets = TokenBuckets(60, clock)
    taken = [buckets.take(b"a") for _ in range(61)]
    assert [standing.wait_s for standing in taken] == [0] * 60 + [1]
    assert (taken[0].remaining, taken[59].remaining, taken[60].remaining) == (59, 0, 0)
    assert taken[59].reset_s == 60
    clock.now = 1.0
    assert buckets.take(b"a").wait_s == 0
    assert buckets.take(b"a").wait_s == 1
    clock.now = 1000.0
    assert buckets.take(b"a").remaining == 59


def test_buckets_are_apart() -> None:
    buckets = TokenBuckets(1, Clock())
    assert buckets.take(b"a").wait_s == 0
    assert buckets.take(b"b").wait_s == 0
    assert buckets.take(b"a").wait_s == 60


def test_looking_takes_nothing() -> None:
    buckets = TokenBuckets(1, Clock())
    assert buckets.look(b"a").wait_s == 0
    assert b"a" not in buckets
    buckets.take(b"a")
    assert buckets.look(b"a").wait_s == 60


def test_the_longest_unused_is_forgotten() -> None:
    buckets = TokenBuckets(1, Clock())
    for number in range(MAX_BUCKETS + 1):
        buckets.take(str(number).encode())
    assert b"0" not in buckets
    assert b"1" in buckets
