{{- define "cachey.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 bytes: "-haproxy" and the hashes of pods must fit in a label of 63. */}}
{{- define "cachey.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "cachey.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cachey.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Arguments: a dict of root and component. */}}
{{- define "cachey.selector" -}}
app.kubernetes.io/name: {{ include "cachey.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "cachey.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "cachey.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "cachey.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "cachey.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* Argument: an image of the values, with a default for its tag. */}}
{{- define "cachey.image" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (.image.tag | default .tag) -}}
{{- end -}}
{{- end -}}

{{/* The DNS name of the pod with the given ordinal. */}}
{{- define "cachey.podHost" -}}
{{- $name := include "cachey.fullname" .root -}}
{{- printf "%s-%d.%s-nodes.%s.svc.%s" $name (int .ordinal) $name .root.Release.Namespace .root.Values.clusterDomain -}}
{{- end -}}

{{/* ADDRESS:PORT, with brackets around IPv6. */}}
{{- define "cachey.address" -}}
{{- if contains ":" .address -}}[{{ .address }}]:{{ int .port }}{{- else -}}{{ .address }}:{{ int .port }}{{- end -}}
{{- end -}}

{{/* Arguments: root, component, constraints. A constraint without a labelSelector gets that of the component. */}}
{{- define "cachey.spread" -}}
{{- $selector := dict "matchLabels" (include "cachey.selector" . | fromYaml) -}}
{{- range .constraints }}
- {{ merge (dict) . (dict "labelSelector" $selector) | toYaml | nindent 2 | trim }}
{{- end -}}
{{- end -}}
