"""The REST API: what people and scripts can ask of Lifeboat over HTTPS, with IAM authorization."""
