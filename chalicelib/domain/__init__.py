"""What a recovery is. Pure: no AWS, no clock, no logging, no environment."""
