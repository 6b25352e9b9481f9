"""Who guesses tokens is slowed down; each address for itself."""

from server.api.limiter import BAD_TOKENS, WINDOW_S, BadTokenLimiter


def test_the_first_bad_tokens_pass_and_the_next_must_wait():
    limiter = BadTokenLimiter()
    assert [limiter.retry_after_s("a", 100.0) for _ in range(BAD_TOKENS)] == [None] * BAD_TOKENS
    assert limiter.retry_after_s("a", 100.0) == WINDOW_S
    assert limiter.retry_after_s("a", 130.0) == WINDOW_S - 30
    assert limiter.retry_after_s("a", 100.0 + WINDOW_S - 0.01) == 1


def test_another_address_is_not_concerned():
    limiter = BadTokenLimiter()
    for _ in range(BAD_TOKENS + 1):
        limiter.retry_after_s("a", 0.0)
    assert limiter.retry_after_s("b", 0.0) is None
    assert limiter.retry_after_s("a", 0.0)


def test_after_the_window_it_begins_anew():
    limiter = BadTokenLimiter()
    for _ in range(3 * BAD_TOKENS):
        limiter.retry_after_s("a", 0.0)
    again = [limiter.retry_after_s("a", WINDOW_S) for _ in range(BAD_TOKENS + 1)]
    assert again == [None] * BAD_TOKENS + [WINDOW_S]


def test_it_remembers_no_more_than_so_many_addresses():
    limiter = BadTokenLimiter()
    for number in range(30_000):
        assert limiter.retry_after_s(str(number), 0.0) is None
    assert len(limiter._windows) == 10_000


def test_who_goes_on_is_not_forgotten_for_those_who_come_new():
    limiter = BadTokenLimiter()
    for number in range(30_000):
        limiter.retry_after_s(str(number), 0.0)
        last = limiter.retry_after_s("stubborn", 0.0)
    assert last == WINDOW_S
