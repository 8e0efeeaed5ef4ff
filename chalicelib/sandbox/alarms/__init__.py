"""CloudWatch's alarms as far as recoveries need them: their states, and the events of their changes."""
