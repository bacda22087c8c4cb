"""deploy/haproxy/haproxy-zones.cfg: one owner a page in each zone; the other zone takes over if a whole zone is lost."""

import contextlib
import re

from balancer import SHIPPED
from fleet import free_ports, get, moved, servers_up, start_haproxy, wait_until
from nodes import KIB, Fleet

_OBJECTS = 60


def text_for(own, other, port, admin_port):
    """The file for the clients of a zone. Ids belong to nodes, whatever their zone is here."""
    ids = {node.name: 100 * (1 + (node.name > "n2")) + int(node.name[1:]) for node in own + other}
    lines = [f"    server {node.name} {node.address}:8080 id {ids[node.name]} tcp-ut 1500{end}\n"
             for nodes, end in ((own, ""), (other, " backup")) for node in nodes]
    text = (SHIPPED / "haproxy-zones.cfg").read_text()
    shape = re.compile(r"    server \w+ \S+ id \d+ tcp-ut 1500( backup)?\n")
    assert all(shape.fullmatch(line) for line in lines) and len(shape.findall(text)) == 6
    text = shape.sub("", text) + "".join(lines)
    return moved(text, [("0.0.0.0:8080", f"127.0.0.1:{port}"), ("127.0.0.1:8404", f"127.0.0.1:{admin_port}")])


def test_each_zone_has_an_owner_of_each_page_and_takes_over_for_the_other(tmp_path):
    with contextlib.ExitStack() as stack:
        fleet = Fleet(tmp_path, stack, 4)
        keys = fleet.put_many("lake", _OBJECTS, [10 * KIB])
        zones = {"a": fleet.nodes[:2], "b": fleet.nodes[2:]}
        ports = {}
        for name, other in (("a", "b"), ("b", "a")):
            ports[name] = free_ports(2)
            text = text_for(zones[name], zones[other], *ports[name])
            stack.enter_context(start_haproxy(text, tmp_path, name))
        for _, admin_port in ports.values():
            wait_until(lambda: servers_up(admin_port) == 4, "all nodes are up")

        def read_all(zone):
            for key in keys:
                status, body = get("127.0.0.1", ports[zone][0], f"/fetch/lake/{key}", {"Range": "bytes=0-999"})
                assert status == 206 and fleet.store.is_right("lake", key, 0, body)

        def downloads():
            return sum(fleet.store.downloads("lake").values())

        def of(zone):
            """The zone's nodes that have each object."""
            return {key: [name for name in fleet.holders("lake", key) if name in {node.name for node in zones[zone]}]
                    for key in keys}

        read_all("a")
        assert all(len(names) == 1 for names in of("a").values()) and not any(of("b").values())
        assert {name for names in of("a").values() for name in names} == {"n1", "n2"}
        read_all("b")
        assert all(len(names) == 1 for names in of("b").values())
        assert downloads() == 2 * _OBJECTS  # one a zone
        for node in zones["a"]:
            node.end()
        for _, admin_port in ports.values():
            wait_until(lambda: servers_up(admin_port) == 2, "zone a is gone")
        read_all("a")  # by zone b, whose HAProxy has the same ids: nothing is fetched again
        read_all("b")
        assert downloads() == 2 * _OBJECTS
        zones["a"][0].start()
        wait_until(lambda: servers_up(ports["a"][1]) == 3, "a node of zone a is back")
        read_all("a")
        assert all(names == ["n1"] for names in of("a").values())
        assert downloads() == 3 * _OBJECTS
