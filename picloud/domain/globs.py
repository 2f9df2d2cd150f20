"""Globs over names: `*` stands for any run of characters, `?` for one. Nothing else is special."""

GLOB_MAX_CHARS = 500


def matches(glob: str, name: str) -> bool:
    """In time of len(glob) x len(name) at most: only the last `*` is ever taken back."""
    at, in_glob, star, after_star = 0, 0, -1, 0
    while at < len(name):
        if in_glob < len(glob) and glob[in_glob] == "*":
            star, after_star = in_glob, at
            in_glob += 1
        elif in_glob < len(glob) and glob[in_glob] in ("?", name[at]):
            at, in_glob = at + 1, in_glob + 1
        elif star >= 0:
            after_star += 1
            at, in_glob = after_star, star + 1
        else:
            return False
    return not glob[in_glob:].strip("*")
