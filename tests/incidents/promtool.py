"""Which of the shipped alerts fire on given series, by Prometheus' own arithmetic (`promtool test rules`)."""

import re
import subprocess

import yaml
from shortened import SHIPPED, shipped_rules


def firing(folder, series, minutes):
    """minute -> names of the alerts that fire then. series: `name{labels}` -> values a minute apart, in promtool's form."""
    names = [rule["alert"] for rule in shipped_rules()]
    case = {
        "rule_files": [str(SHIPPED)],
        "tests": [{
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []}
                                for minute in minutes for name in names],
        }],
    }
    (folder / "case.yaml").write_text(yaml.safe_dump(case))
    done = subprocess.run(["promtool", "test", "rules", folder / "case.yaml"], text=True, capture_output=True)
    said = done.stdout + done.stderr
    found = re.findall(r"alertname: ?(\w+), time: ?(\w+),", said)
    assert done.returncode == 0 or found, said
    return {minute: {name for name, time in found if _minutes(time) == minute} for minute in minutes}


def _minutes(time):
    """Of `1h5m`, `20m`."""
    parts = dict((unit, int(number)) for number, unit in re.findall(r"(\d+)([hms])", time))
    return parts.get("h", 0) * 60 + parts.get("m", 0)
