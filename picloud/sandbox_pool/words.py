"""Long lists of names, written as text."""


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
