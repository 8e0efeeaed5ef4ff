"""Elastic Load Balancing as far as recoveries need it: target groups, their targets and how these are."""
