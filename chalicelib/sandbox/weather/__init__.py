"""Weather: the behaviour of real AWS that moto does not have."""
