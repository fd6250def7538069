"""What a design would do: many studies played on a corpus whose human codes are known."""
