"""How AWS is reached: clients, errors, tags, zones."""
