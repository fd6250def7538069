"""What a study knows, in the forms of other tools."""
