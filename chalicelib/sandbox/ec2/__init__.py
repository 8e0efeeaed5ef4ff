"""The part of EC2 that the sandbox answers itself, over moto's stores."""
