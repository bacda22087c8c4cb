"""Which of the shipped alerts fire on given series, by Prometheus' own arithmetic (`promtool test rules`)."""

import re
import subprocess

import yaml
from shortened import SHIPPED, shipped_rules


def firing(folder, cases):
    """Cases: name -> (series, minutes). Returns (name, minute) -> names of the alerts that fire then; all in one run of
    promtool. Series: `name{labels}` -> values a minute apart, in promtool's form."""
    alerts = [rule["alert"] for rule in shipped_rules()]
    groups = [{
        "name": name,
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}
                            for minute in minutes for alert in alerts],
    } for name, (series, minutes) in cases.items()]
    path = folder / "cases.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(SHIPPED)], "tests": groups}))
    done = subprocess.run(["promtool", "test", "rules", path], text=True, capture_output=True)
    said = done.stdout + done.stderr
    told = re.findall(r"name: ?(\w+),\s+alertname: ?(\w+), time: ?(\w+),", said)
    assert done.returncode == 0 or told, said
    found = {(name, minute): set() for name, (_, minutes) in cases.items() for minute in minutes}
    for name, alert, time in told:
        found[name, _minutes(time)].add(alert)
    return found


def _minutes(time):
    """Of `1h5m`, `20m`."""
    parts = dict((unit, int(number)) for number, unit in re.findall(r"(\d+)([hms])", time))
    return parts.get("h", 0) * 60 + parts.get("m", 0)
