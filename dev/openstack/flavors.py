"""The flavors: sizes as a public cloud has them, and every kind of trap among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Flavor:
    """One flavor: memory in MiB, disks in GiB. A private one is open to `projects` alone."""

    name: str
    vcpus: int
    memory: int
    disk: int
    ephemeral: int = 0
    extra: Mapping[str, str] = field(default_factory=dict)
    public: bool = True
    projects: tuple[str, ...] = ()


DEDICATED = {"hw:cpu_policy": "dedicated"}
HUGE = {"hw:mem_page_size": "large"}
ARM = {"trait:HW_ARCH_AARCH64": "required", "capabilities:architecture": "aarch64"}
VGPU = {"resources:VGPU": "1"}
GPU = {"pci_passthrough:alias": "gpu-large:1"}

FLAVORS = (
    # Small ones; those of up to 2 vCPUs and 2 GiB really boot here.
    Flavor("s1.nano", 1, 256, 2),
    Flavor("s1.slim", 1, 512, 1),
    Flavor("s1.tiny", 1, 512, 2),
    Flavor("s1.small", 1, 512, 3),
    Flavor("s1.plus", 1, 1024, 3),
    Flavor("s1.duo", 2, 512, 4),
    Flavor("s1.medium", 2, 1024, 4),
    Flavor("s1.large", 2, 2048, 8),
    Flavor("s1.xlarge", 4, 4096, 16),
    # General purpose: 1 to 4.
    Flavor("m1.small", 1, 2048, 20),
    Flavor("m1.medium", 2, 4096, 40),
    Flavor("m1.large", 4, 8192, 80),
    Flavor("m1.xlarge", 8, 16384, 160),
    Flavor("m1.2xlarge", 16, 32768, 320),
    # Many processors, little memory.
    Flavor("c1.small", 2, 2048, 10),
    Flavor("c1.medium", 4, 4096, 20),
    Flavor("c1.large", 8, 8192, 40),
    Flavor("c1.xlarge", 16, 16384, 40),
    Flavor("c1.lean", 4, 512, 4),
    # Much memory, few processors.
    Flavor("r1.small", 1, 8192, 20),
    Flavor("r1.medium", 2, 16384, 40),
    Flavor("r1.large", 4, 32768, 80),
    Flavor("r1.xlarge", 8, 65536, 80),
    # A local disk beside the root disk.
    Flavor("d1.tiny", 1, 512, 2, ephemeral=2),
    Flavor("d1.small", 2, 4096, 20, ephemeral=100),
    Flavor("d1.large", 8, 16384, 20, ephemeral=800),
    # No disk: for servers whose root is a volume.
    Flavor("v1.tiny", 1, 512, 0),
    Flavor("v1.small", 1, 2048, 0),
    Flavor("v1.large", 4, 8192, 0),
    # Processors and memory of one's own.
    Flavor("p1.tiny", 1, 512, 2, extra=DEDICATED),
    Flavor("p1.small", 2, 4096, 20, extra=DEDICATED),
    Flavor("p1.large", 8, 32768, 80, extra=DEDICATED | HUGE),
    # Another architecture; the smallest differs from s1.tiny in nothing else.
    Flavor("a1.tiny", 1, 512, 2, extra=ARM),
    Flavor("a1.small", 2, 4096, 20, extra=ARM),
    Flavor("a1.large", 8, 16384, 80, extra=ARM),
    # Graphics processors.
    Flavor("g1.tiny", 1, 512, 2, extra=VGPU),
    Flavor("g1.small", 4, 16384, 40, extra=VGPU),
    Flavor("g1.large", 8, 65536, 80, extra=GPU),
    # Private: open to one project, to another, to none.
    Flavor("x1.demo", 1, 512, 3, public=False, projects=("demo",)),
    Flavor("x1.other", 1, 512, 2, public=False, projects=("other",)),
    Flavor("x1.nobody", 1, 512, 2, public=False),
)
