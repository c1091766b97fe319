# The peer: what a user would write with Terraform for one image, its template, and one linked clone with an address.
variable "image" {}
variable "key" {}
variable "name" {}
variable "address" {} # with the length of its prefix
variable "gigabytes" {} # of the image's disk
variable "user" { default = "nixos" }
variable "node" { default = "pve" }
variable "storage" { default = "local" }
variable "pool" { default = "iac" }

terraform {
  required_providers {
    proxmox = { source = "bpg/proxmox" }
  }
}

provider "proxmox" {}

resource "proxmox_virtual_environment_file" "image" {
  content_type = "import"
  datastore_id = var.storage
  node_name    = var.node
  source_file {
    path = var.image
    # the provider does not wait for the removal of the one before
    file_name = "${var.name}-${substr(filesha256(var.image), 0, 8)}.qcow2"
  }
}

resource "proxmox_virtual_environment_vm" "template" {
  node_name     = var.node
  vm_id         = 9901
  name          = var.name
  pool_id       = var.pool
  template      = true
  started       = false
  on_boot       = false
  scsi_hardware = "virtio-scsi-pci"
  boot_order    = ["scsi0"]
  agent {
    enabled = true
    wait_for_ip { disabled = true }
  }
  operating_system { type = "l26" }
  cpu { type = "qemu64" }
  cdrom {
    file_id   = "none"
    interface = "ide3"
  }
  serial_device { device = "socket" }
  disk {
    interface    = "scsi0"
    datastore_id = var.storage
    import_from  = proxmox_virtual_environment_file.image.id
    size         = var.gigabytes
    file_format  = "qcow2"
  }
  lifecycle {
    # a change of what a disk was imported from is no change to the provider, and its speed always is one
    replace_triggered_by = [proxmox_virtual_environment_file.image]
    ignore_changes       = [disk]
  }
}

resource "proxmox_virtual_environment_vm" "server" {
  node_name       = var.node
  vm_id           = 9902
  name            = "${var.name}-server"
  pool_id         = var.pool
  scsi_hardware   = "virtio-scsi-pci"
  boot_order      = ["scsi0"]
  stop_on_destroy = true
  clone {
    vm_id = proxmox_virtual_environment_vm.template.vm_id
    full  = false
  }
  agent {
    enabled = true
    # its address is known
    wait_for_ip { disabled = true }
  }
  cdrom {
    file_id   = "none"
    interface = "ide3"
  }
  cpu {
    cores = 1
    type  = "qemu64"
  }
  memory { dedicated = 512 }
  operating_system { type = "l26" }
  serial_device { device = "socket" }
  disk {
    interface    = "scsi0"
    datastore_id = var.storage
    size         = 2
    file_format  = "qcow2"
  }
  network_device { bridge = "vmbr0" }
  initialization {
    datastore_id = var.storage
    interface    = "ide2"
    type         = "nocloud"
    ip_config {
      ipv4 { address = var.address }
    }
  }
  lifecycle {
    # its id is the same in another one
    replace_triggered_by = [proxmox_virtual_environment_vm.template]
  }
}

resource "terraform_data" "answers" {
  triggers_replace = proxmox_virtual_environment_file.image.id
  depends_on       = [proxmox_virtual_environment_vm.server]
  provisioner "local-exec" {
    command = "${path.module}/answers.sh ${var.key} ${var.user}@${split("/", var.address)[0]}"
  }
}

output "address" { value = split("/", var.address)[0] }
