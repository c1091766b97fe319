"""What users do with an existing stack."""
