# The peer: what a user would write with Terraform for one image and one server behind a floating IP.
variable "image" {}
variable "key" {}
variable "flavor" {}
variable "name" {}
variable "user" { default = "nixos" }
variable "pool" { default = "public" }

terraform {
  required_providers {
    openstack = { source = "terraform-provider-openstack/openstack" }
  }
}

provider "openstack" {}

data "openstack_networking_network_v2" "public" { name = var.pool }

resource "openstack_images_image_v2" "image" {
  name             = var.name
  container_format = "bare"
  disk_format      = "qcow2"
  local_file_path  = var.image
}

resource "openstack_compute_keypair_v2" "key" {
  name       = var.name
  public_key = file("${var.key}.pub")
}

resource "openstack_networking_network_v2" "network" { name = var.name }

resource "openstack_networking_subnet_v2" "subnet" {
  name       = var.name
  network_id = openstack_networking_network_v2.network.id
  cidr       = "10.21.0.0/24"
}

resource "openstack_networking_router_v2" "router" {
  name                = var.name
  external_network_id = data.openstack_networking_network_v2.public.id
}

resource "openstack_networking_router_interface_v2" "interface" {
  router_id = openstack_networking_router_v2.router.id
  subnet_id = openstack_networking_subnet_v2.subnet.id
}

resource "openstack_networking_secgroup_v2" "group" {
  name                 = var.name
  delete_default_rules = true
}

resource "openstack_networking_secgroup_rule_v2" "out" {
  for_each          = toset(["IPv4", "IPv6"])
  security_group_id = openstack_networking_secgroup_v2.group.id
  direction         = "egress"
  ethertype         = each.key
}

resource "openstack_networking_secgroup_rule_v2" "in" {
  for_each = {
    ssh  = { port = 22, ethertype = "IPv4", source = "0.0.0.0/0" }
    ssh6 = { port = 22, ethertype = "IPv6", source = "::/0" }
    web  = { port = 80, ethertype = "IPv4", source = "0.0.0.0/0" }
    web6 = { port = 80, ethertype = "IPv6", source = "::/0" }
  }
  security_group_id = openstack_networking_secgroup_v2.group.id
  direction         = "ingress"
  ethertype         = each.value.ethertype
  protocol          = "tcp"
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = each.value.source
}

resource "openstack_networking_port_v2" "port" {
  name               = var.name
  network_id         = openstack_networking_network_v2.network.id
  security_group_ids = [openstack_networking_secgroup_v2.group.id]
  fixed_ip {
    subnet_id = openstack_networking_subnet_v2.subnet.id
  }
}

resource "openstack_compute_instance_v2" "server" {
  name         = var.name
  image_id     = openstack_images_image_v2.image.id
  flavor_name  = var.flavor
  key_pair     = openstack_compute_keypair_v2.key.name
  config_drive = true
  network {
    port = openstack_networking_port_v2.port.id
  }
}

resource "openstack_networking_floatingip_v2" "address" {
  pool       = var.pool
  depends_on = [openstack_networking_router_interface_v2.interface]
}

resource "openstack_networking_floatingip_associate_v2" "associate" {
  floating_ip = openstack_networking_floatingip_v2.address.address
  port_id     = openstack_networking_port_v2.port.id
}

resource "terraform_data" "answers" {
  triggers_replace = openstack_compute_instance_v2.server.id
  depends_on       = [openstack_networking_floatingip_associate_v2.associate]
  provisioner "local-exec" {
    command = "${path.module}/answers.sh ${var.key} ${var.user}@${openstack_networking_floatingip_v2.address.address}"
  }
}

output "address" { value = openstack_networking_floatingip_v2.address.address }
