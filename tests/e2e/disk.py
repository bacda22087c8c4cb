"""What tests of the disk tier ask of a server that has one."""

import prometheus_text
from harness import wait_until
from test_metrics import scrape


def counted(server, name, **labels):
    """The metric cachey_disk_NAME."""
    return prometheus_text.value(scrape(server), f"cachey_disk_{name}", **labels)


def from_origin(server):
    """Page bytes that the server has read from its origin."""
    return prometheus_text.value(scrape(server), "cachey_ingress_bytes_total")


def wait_for_pages(server, count):
    """Until so many pages are on disk, in a way that survives a crash, and none is on its way there."""
    def there():
        families = scrape(server)
        now = {name: prometheus_text.value(families, f"cachey_disk_{name}") for name in ("pages", "queued_bytes", "pending_records")}
        return now["pages"] >= count and now["queued_bytes"] == now["pending_records"] == 0
    wait_until(there, 30, f"{count} pages on disk")


def kill(server):
    """SIGKILL, and its end."""
    server.signal(9)
    assert server.wait() == -9
