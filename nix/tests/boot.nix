# Python for test scripts: boots a node from a disk of its own, of that size, with its image on it.
''
  import os
  import subprocess
  import tempfile

  disks = tempfile.TemporaryDirectory()


  def boot(node, new_disk, size):
      disk = f"{disks.name}/{node.name}.qcow2"
      subprocess.run([new_disk, disk, size], check=True)
      os.environ["NIX_DISK_IMAGE"] = disk
      node.start(allow_reboot=True)
      node.connect()
''
