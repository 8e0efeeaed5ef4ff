"""RDS as backups meet it: databases, their snapshots and copies, under the same sky as EC2. moto's RDS is not used."""
