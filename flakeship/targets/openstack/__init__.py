"""OpenStack: images in Glance, servers in Nova, addresses in Neutron."""
