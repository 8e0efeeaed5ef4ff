"""From runbooks to what AWS needs: a SAM merge template and IAM policies."""
