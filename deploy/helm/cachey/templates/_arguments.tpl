{{/* The command line of the server, as a list in YAML. */}}
{{- define "cachey.arguments" -}}
{{- $v := .Values -}}
- "--listen={{ $v.listen }}"
- "--port={{ int $v.port }}"
- "--admin-listen={{ include "cachey.address" (dict "address" $v.listen "port" $v.metrics.port) }}"
- "--memory={{ include "cachey.memory" . }}"
- "--drain-delay={{ int $v.drain.delay }}"
- "--drain-timeout={{ int $v.drain.timeout }}"
- "--log-level={{ $v.log.level }}"
- "--log-format={{ $v.log.format }}"
{{- if $v.log.access }}
- --access-log=-
{{- end }}
{{- if $v.threads }}
- "--threads={{ int $v.threads }}"
{{- end }}
{{- if $v.maxConnections }}
- "--max-connections={{ int $v.maxConnections }}"
{{- end }}
{{- include "cachey.diskArguments" . }}
{{- include "cachey.accessArguments" . }}
{{- include "cachey.s3Arguments" . }}
{{- if $v.store.forcePathStyle }}
- --s3-force-path-style
{{- end }}
{{- if $v.store.anonymous }}
- --s3-anonymous
{{- end }}
{{- if ne $v.store.checksumMode "enabled" }}
- "--s3-checksum-mode={{ $v.store.checksumMode }}"
{{- end }}
{{- range $v.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "cachey.diskArguments" -}}
{{- if .Values.disk.enabled }}
{{- if eq .Values.disk.volumeMode "Block" }}
- --disk-kind=block
- --disk-path=/dev/cachey
{{- else }}
- --disk-path=/var/cache/cachey
{{- end }}
- "--disk-capacity={{ include "cachey.diskCapacity" . }}"
{{- if .Values.disk.required }}
- --disk-required
{{- end }}
{{- end }}
{{- end -}}

{{- define "cachey.accessArguments" -}}
{{- $v := .Values -}}
{{- range $kind, $buckets := $v.buckets.kinds }}
- {{ printf "--kind=%s=%s" $kind (join "," $buckets) | quote }}
{{- end }}
{{- if $v.buckets.declaredOnly }}
- --kinds=declared
{{- end }}
{{- range $v.buckets.allow }}
- {{ printf "--allow-bucket=%s" . | quote }}
{{- end }}
{{- range $kind, $size := $v.buckets.pageSizes }}
- {{ printf "--page-size=%s=%s" $kind $size | quote }}
{{- end }}
{{- if $v.auth.tokensSecret }}
- "--auth-tokens=/etc/cachey/tokens/{{ $v.auth.tokensKey }}"
{{- end }}
{{- if $v.tls.secretName }}
- --tls-cert=/etc/cachey/tls/tls.crt
- --tls-key=/etc/cachey/tls/tls.key
{{- if not $v.metrics.tls }}
- --admin-tls=false
{{- end }}
{{- end }}
{{- if $v.tls.clientCaSecret }}
- --tls-client-ca=/etc/cachey/client-ca/ca.crt
{{- end }}
{{- end -}}

{{- define "cachey.s3Arguments" -}}
{{- $v := .Values -}}
{{- if $v.s3.enabled }}
- "--s3api-listen={{ include "cachey.address" (dict "address" $v.listen "port" $v.s3.port) }}"
{{- if $v.s3.open }}
- --s3api-open
{{- else }}
- "--s3api-keys=/etc/cachey/s3-keys/{{ $v.s3.keysKey }}"
{{- end }}
{{- range $v.s3.domains }}
- "--s3api-domain={{ . }}"
{{- end }}
{{- range $v.s3.externalHosts }}
- "--s3api-external-host={{ . }}"
{{- end }}
{{- range $name, $buckets := $v.s3.aliases }}
- {{ printf "--s3api-bucket=%s=%s" $name (join "," $buckets) | quote }}
{{- end }}
{{- range $v.s3.revalidate }}
- {{ printf "--s3api-revalidate=%s" . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* AWS's own variables: the store, and the keys of a secret. */}}
{{- define "cachey.environment" -}}
{{- $store := .Values.store -}}
{{- if $store.region }}
- {name: AWS_REGION, value: {{ $store.region | quote }}}
{{- end }}
{{- if $store.endpoint }}
- {name: AWS_ENDPOINT_URL_S3, value: {{ $store.endpoint | quote }}}
{{- end }}
{{- if $store.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ $store.existingSecret | quote }}, key: {{ $store.accessKeyIdKey | quote }}}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ $store.existingSecret | quote }}, key: {{ $store.secretAccessKeyKey | quote }}}}
- name: AWS_SESSION_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $store.existingSecret | quote }}, key: {{ $store.sessionTokenKey | quote }}, optional: true}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
