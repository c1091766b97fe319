"""What the target openstack is measured beside: Terraform and a script of the official client."""
