"""Tests of how AWS is reached."""
