"""Options that all commands share, and the client that the options describe.

Secrets come from files or the environment, never from the command line, which other users of the machine can read.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import ssl
from collections.abc import Mapping

from ..client import Client
from ..errors import described

_LONGEST_TOKEN = 4096


class UsageError(Exception):
    """The command line or the environment is wrong: exit code 2."""


class _Once(argparse.Action):
    """`--nodes=cachey-{0..3}:80` without quotes is four options to a program that bash starts. The last one alone would
    be another fleet."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest, None) is not None:
            parser.error(f"{option} is given twice; a list has commas, and {{0..3}} needs quotes")
        setattr(namespace, self.dest, values)


def add_options(parser: argparse.ArgumentParser, default: object = None) -> None:
    """The options of the fleet. With argparse.SUPPRESS as the default, an option before the command counts, too."""
    fleet = parser.add_argument_group("the fleet")

    def option(*names: str, **named: object) -> None:
        fleet.add_argument(*names, default=default, **named)  # type: ignore[arg-type]

    option(
        "--nodes",
        metavar="LIST",
        action=_Once,
        help="HOST:PORT,... or dns:HOST:PORT or file:PATH; default: the environment's CACHEY_NODES",
    )
    option(
        "--via",
        metavar="URL",
        action=_Once,
        help="HAProxy in front of the fleet: warm and read go there, and HAProxy chooses nodes; default: CACHEY_VIA",
    )
    option(
        "--token-file", metavar="FILE", help="a file with the token of --auth-tokens; default: CACHEY_TOKEN, the token"
    )
    option(
        "--admin-token-file",
        metavar="FILE",
        help="a file with the token of --admin-tokens; default: CACHEY_ADMIN_TOKEN, the token",
    )
    option("--admin-port", metavar="PORT", type=_port, help="the port of the nodes' --admin-listen; default: 9090")
    option(
        "--admin-node", metavar="NODE=HOST:PORT", action="append", help="the admin address of one node; may be repeated"
    )
    option("--tls", action="store_const", const=True, help="the nodes speak TLS")
    option("--ca", metavar="FILE", help="certificates of the authorities to trust; implies --tls")
    option("--cert", metavar="FILE", help="the client's certificate; implies --tls")
    option("--key", metavar="FILE", help="the key of --cert, if the key is in a file of its own")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def fleet_of(options: argparse.Namespace) -> tuple[str | None, str | None]:
    """(nodes, HAProxy's URL). With both, HAProxy chooses the node of each read. With an option of the command line
    the environment does not count: that fleet may be another one."""
    if options.nodes == "" or options.via == "":  # of an unset variable
        raise UsageError("an empty --nodes or --via names no fleet")
    if options.nodes or options.via:
        return options.nodes, options.via
    return os.environ.get("CACHEY_NODES") or None, os.environ.get("CACHEY_VIA") or None


def make_client(
    options: argparse.Namespace,
    *,
    nodes_needed: bool = False,
    nodes: list[str] | None = None,
    deadline: float = 30.0,
    connections: int = 16,
) -> Client:
    """The client of the options. Raises UsageError."""
    environment = os.environ
    named: str | list[str] | None
    named, via = fleet_of(options)
    if nodes_needed or nodes:
        named, via = nodes or named, None
        if not named:
            raise UsageError("this command asks each node: name them by --nodes or CACHEY_NODES")
    if not named and not via:
        raise UsageError("name the nodes by --nodes or CACHEY_NODES, or HAProxy by --via or CACHEY_VIA")
    if isinstance(named, str) and not named.startswith(("dns:", "file:")):
        named = [one.strip() for one in named.split(",") if one.strip()]
    try:
        return Client(
            named,
            via=via,
            token=secret(options.token_file, "CACHEY_TOKEN", environment),
            tls=tls_context(options) or False,
            admin_port=options.admin_port or 9090,
            admin_nodes=_admin_nodes(options.admin_node or []),
            admin_token=secret(options.admin_token_file, "CACHEY_ADMIN_TOKEN", environment),
            deadline=deadline,
            connections=connections,
        )
    except (ValueError, OSError) as error:
        raise UsageError(str(error)) from error


def tls_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    """None: clear text. Raises UsageError."""
    if not (options.tls or options.ca or options.cert):
        return None
    named = options.ca
    try:
        context = ssl.create_default_context(cafile=named)
        if options.cert:
            named = f"{options.cert} and {options.key}" if options.key else options.cert
            context.load_cert_chain(options.cert, options.key)
    except OSError as error:  # the texts of OpenSSL name no file
        raise UsageError(f"{named}: {described(error)}") from error
    return context


def secret(path: str | None, variable: str, environment: Mapping[str, str]) -> str | None:
    """The token in the file, or in the variable. Error texts do not contain the token. Raises UsageError."""
    where, token = variable, environment.get(variable)
    if path is not None:
        where = path
        try:
            with pathlib.Path(path).open("rb") as file:
                token = file.read(_LONGEST_TOKEN + 1).decode("ascii").strip()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise UsageError(f"{path}: a token has letters of ASCII only") from None
    if not token:
        if path is not None:
            raise UsageError(f"{path}: the file is empty")
        return None
    if len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{where}: one token is expected, on one line, without spaces")
    return token


def _admin_nodes(pairs: list[str]) -> dict[str, str] | None:
    found = {}
    for pair in pairs:
        node, equals, address = pair.partition("=")
        if not node or not equals or not address:
            raise UsageError(f"--admin-node {pair!r} is not NODE=HOST:PORT")
        found[node] = address
    return found or None
