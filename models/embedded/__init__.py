"""Models small enough to ship with the package."""

from pathlib import Path

_HERE = Path(__file__).parent


def path(name: str) -> Path:
    """The folder of a shipped model. Raises ValueError naming those there are."""
    folder = _HERE / name
    if not (folder / "config.json").is_file():
        there = sorted(config.parent.name for config in _HERE.glob("*/config.json"))
        raise ValueError(f"there is no embedded model {name!r}; there is: {', '.join(there) or 'none'}")
    return folder
