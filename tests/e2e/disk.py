"""Helpers for tests of a server with a disk tier."""

import prometheus_text
from harness import wait_until
from test_metrics import scrape


def counted(server, name, **labels):
    """The value of the metric cachey_disk_NAME."""
    return prometheus_text.value(scrape(server), f"cachey_disk_{name}", **labels)


def from_origin(server):
    """Page bytes that the server has received from its origin."""
    return prometheus_text.value(scrape(server), "cachey_ingress_bytes_total")


def wait_for_pages(server, count):
    """Waits until `count` pages are on disk, survive a crash, and no page waits to be written."""
    def there():
        families = scrape(server)
        now = {name: prometheus_text.value(families, f"cachey_disk_{name}") for name in ("pages", "queued_bytes", "pending_records")}
        return now["pages"] >= count and now["queued_bytes"] == now["pending_records"] == 0
    wait_until(there, 30, f"{count} pages on disk")


def kill(server):
    """Sends SIGKILL and waits for the end of the process."""
    server.signal(9)
    assert server.wait() == -9
