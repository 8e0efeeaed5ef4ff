"""Tests of the `lifeboat` command."""
