"""An origin whose keys a credential_process tells."""

import json

_NAMES = {"AccessKeyId": "AWS_ACCESS_KEY_ID", "SecretAccessKey": "AWS_SECRET_ACCESS_KEY", "SessionToken": "AWS_SESSION_TOKEN"}


def settings_by_program(origin, folder, command):
    """The environment of a server that reads from the origin: a program in the folder runs the shell's command, then
    prints the keys."""
    settings = origin.environment()
    keys = {name: settings.pop(variable) for name, variable in _NAMES.items() if variable in settings}
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{command}\necho '{json.dumps({'Version': 1} | keys)}'\n")
    program.chmod(0o755)
    config = folder / "config"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    return settings | {"AWS_CONFIG_FILE": str(config)}
