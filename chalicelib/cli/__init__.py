"""The `lifeboat` command. Never imported by the Lambda."""
