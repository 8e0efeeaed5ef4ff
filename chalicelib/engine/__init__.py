"""How a run proceeds and survives."""
