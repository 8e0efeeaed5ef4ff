"""Tests of the actions, most of them on the sandbox."""
