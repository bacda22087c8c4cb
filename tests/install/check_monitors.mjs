// Checks a ServiceMonitor or PodMonitor, as JSON on standard input, against the schema of the Prometheus operator.
// Runs in build/tools/install-js.
import { readFileSync } from "node:fs";
import { PodMonitor, ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const { kind, ...rest } = JSON.parse(readFileSync(0));
new { PodMonitor, ServiceMonitor }[kind](rest).validate();
