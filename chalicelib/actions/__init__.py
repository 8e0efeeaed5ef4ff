"""What a step of a runbook can do."""
