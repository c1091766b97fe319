"""What Pulumi keeps of a stack."""
