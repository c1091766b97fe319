"""The target openstack, compared with Terraform and a script of the official client."""
