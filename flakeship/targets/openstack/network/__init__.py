"""Networks, ports and addresses in Neutron."""
