"""Checks of a bundle and of the journal, offline."""
