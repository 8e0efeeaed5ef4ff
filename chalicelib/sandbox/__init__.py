"""The embedded AWS: moto plus weather. Never part of the Lambda bundle."""
