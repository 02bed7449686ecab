"""A hypervisor without machines: nova's own fake one, with eight GPUs on its PCI bus.

nova loads drivers from below `nova.virt` alone, so the lab puts this file there.
"""

from nova.virt import fake
from oslo_serialization import jsonutils

VENDOR, PRODUCT = "10de", "2330"


def gpu(bus):
    return {
        "dev_id": f"pci_0000_{bus:02x}_00_0",
        "address": f"0000:{bus:02x}:00.0",
        "vendor_id": VENDOR,
        "product_id": PRODUCT,
        "label": f"label_{VENDOR}_{PRODUCT}",
        "dev_type": "type-PCI",
        "status": "available",
        "numa_node": 0,
        "parent_addr": None,
    }


class Driver(fake.FakeDriverWithoutFakeNodes):
    def get_available_resource(self, nodename):
        found = super().get_available_resource(nodename)
        found["pci_passthrough_devices"] = jsonutils.dumps([gpu(bus) for bus in range(1, 9)])
        return found
