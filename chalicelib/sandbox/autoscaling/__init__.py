"""Auto Scaling groups that spread, replace and wait as AWS's do, over the sandbox's instances. moto's are not used."""
