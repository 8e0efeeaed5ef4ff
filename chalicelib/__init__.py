"""Lifeboat: event-driven disaster recovery for AWS."""
