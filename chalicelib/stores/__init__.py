"""Where things rest: the runbook catalog, the ledger, notices."""
