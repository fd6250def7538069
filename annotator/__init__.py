"""Valid numbers about a text corpus from cheap machine labels and few human codes."""

__version__ = "0.1.0"
