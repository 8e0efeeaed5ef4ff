"""Every route of the API by the name of its operation, as plain data: all that a cold start has to load."""

from __future__ import annotations

ROUTES: dict[str, tuple[str, str]] = {
    "listRunbooks": ("GET", "/runbooks"),
    "showRunbook": ("GET", "/runbooks/{name}"),
    "planRunbook": ("POST", "/runbooks/{name}/plan"),
    "startRun": ("POST", "/runbooks/{name}/runs"),
    "startDrill": ("POST", "/runbooks/{name}/drills"),
    "listRuns": ("GET", "/runs"),
    "showRun": ("GET", "/runs/{run_id}"),
    "listChanges": ("GET", "/runs/{run_id}/changes"),
    "stopRun": ("POST", "/runs/{run_id}/stop"),
    "continueRun": ("POST", "/runs/{run_id}/continue"),
    "listApprovals": ("GET", "/approvals"),
    "approve": ("POST", "/runs/{run_id}/steps/{step}/approve"),
    "decline": ("POST", "/runs/{run_id}/steps/{step}/decline"),
    "planUndo": ("GET", "/runs/{run_id}/undo"),
    "undoRun": ("POST", "/runs/{run_id}/undo"),
    "settleObligation": ("POST", "/runs/{run_id}/settle"),
    "pause": ("POST", "/pause"),
    "resume": ("POST", "/resume"),
    "listRecoveryPoints": ("GET", "/recovery-points"),
    "health": ("GET", "/health"),
}
