"""The target openstack: images in Glance, servers in Nova, addresses in Neutron."""
