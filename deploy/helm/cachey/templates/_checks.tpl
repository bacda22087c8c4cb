{{/* Refuses values that contradict each other. The schema has refused unknown names and wrong types before. */}}
{{- define "cachey.check" -}}
{{- $v := .Values -}}
{{- $name := include "cachey.fullname" . -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}
{{- fail (printf "cachey: %s is no name of a Service (a letter, then letters, digits and -); set fullnameOverride" $name) -}}
{{- end -}}
{{- if $v.s3.enabled -}}
{{- if and (not $v.s3.open) (not $v.s3.keysSecret) -}}
{{- fail "cachey: s3.enabled needs s3.keysSecret (the keys that clients sign with) or s3.open: true (every client may read)" -}}
{{- end -}}
{{- if and $v.s3.open $v.s3.keysSecret -}}
{{- fail "cachey: s3.open and s3.keysSecret exclude each other" -}}
{{- end -}}
{{- if and $v.s3.open $v.s3.externalHosts -}}
{{- fail "cachey: s3.externalHosts is for signatures, and with s3.open nobody signs" -}}
{{- end -}}
{{- else if or $v.s3.open $v.s3.keysSecret $v.s3.aliases $v.s3.domains $v.s3.externalHosts $v.s3.revalidate -}}
{{- fail "cachey: values of s3 are set, but s3.enabled is false" -}}
{{- end -}}
{{- if and $v.buckets.declaredOnly (not $v.buckets.kinds) (not $v.s3.aliases) -}}
{{- fail "cachey: buckets.declaredOnly: true without buckets.kinds refuses every request" -}}
{{- end -}}
{{- range $kind, $_ := $v.buckets.pageSizes -}}
{{- if not (hasKey $v.buckets.kinds $kind) -}}
{{- fail (printf "cachey: buckets.pageSizes: %s is not in buckets.kinds" $kind) -}}
{{- end -}}
{{- end -}}
{{- if and $v.store.anonymous $v.store.existingSecret -}}
{{- fail "cachey: store.anonymous signs no request, so store.existingSecret has no use" -}}
{{- end -}}
{{- if and $v.disk.capacity (not $v.disk.enabled) -}}
{{- fail "cachey: disk.capacity is set, but disk.enabled is false" -}}
{{- end -}}
{{- if and (eq $v.disk.volume "emptyDir") (eq $v.disk.volumeMode "Block") -}}
{{- fail "cachey: disk.volume: emptyDir is a file system; volumeMode: Block needs a persistentVolumeClaim" -}}
{{- end -}}
{{- include "cachey.checkResources" . -}}
{{- include "cachey.checkTls" . -}}
{{- include "cachey.checkPorts" . -}}
{{- include "cachey.checkExtras" . -}}
{{- end -}}

{{/* Kubernetes would refuse the pods, after Helm has said that all is well. */}}
{{- define "cachey.checkResources" -}}
{{- range $name, $resources := dict "resources" .Values.resources "haproxy.resources" .Values.haproxy.resources -}}
{{- $request := dig "requests" "memory" "" $resources -}}
{{- $limit := dig "limits" "memory" "" $resources -}}
{{- if and $request $limit -}}
{{- $asked := include "cachey.mib" (dict "value" $request "name" (printf "%s.requests.memory" $name)) | int64 -}}
{{- if gt $asked (include "cachey.mib" (dict "value" $limit "name" (printf "%s.limits.memory" $name)) | int64) -}}
{{- fail (printf "cachey: %s.requests.memory: %v is more than %s.limits.memory: %v" $name $request $name $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cachey.checkTls" -}}
{{- $v := .Values -}}
{{- $proxy := ne $v.haproxy.mode "none" -}}
{{- if and $v.tls.clientCaSecret (not $v.tls.secretName) -}}
{{- fail "cachey: tls.clientCaSecret needs tls.secretName" -}}
{{- end -}}
{{- if and $proxy $v.tls.clientCaSecret (not $v.haproxy.clientCertSecret) -}}
{{- fail "cachey: nodes ask for client certificates (tls.clientCaSecret): HAProxy needs one, haproxy.clientCertSecret" -}}
{{- end -}}
{{- if and $v.haproxy.clientCertSecret (not $v.tls.secretName) -}}
{{- fail "cachey: haproxy.clientCertSecret is for nodes with TLS; set tls.secretName" -}}
{{- end -}}
{{- if and $v.metrics.serviceMonitor.enabled $v.auth.tokensSecret (not $v.metrics.serviceMonitor.authorization) -}}
{{- fail "cachey: with auth.tokensSecret a scrape needs a token, too: set metrics.serviceMonitor.authorization" -}}
{{- end -}}
{{- if and $v.metrics.serviceMonitor.enabled $v.tls.clientCaSecret $v.metrics.tls (not $v.metrics.serviceMonitor.tlsConfig) -}}
{{- fail "cachey: with tls.clientCaSecret a scrape needs a certificate: set metrics.serviceMonitor.tlsConfig" -}}
{{- end -}}
{{- end -}}

{{- define "cachey.checkPorts" -}}
{{- $v := .Values -}}
{{- $ports := list (int $v.port) (int $v.metrics.port) -}}
{{- if $v.s3.enabled }}{{ $ports = append $ports (int $v.s3.port) }}{{ end -}}
{{- if ne (len $ports) (len (uniq $ports)) -}}
{{- fail "cachey: port, s3.port and metrics.port must differ" -}}
{{- end -}}
{{- if has (int $v.haproxy.adminPort) $ports -}}
{{- fail "cachey: haproxy.adminPort must differ from port, s3.port and metrics.port" -}}
{{- end -}}
{{- end -}}

{{/* Options that have values of their own, and so must not come by extraArgs or extraEnv. */}}
{{- define "cachey.checkExtras" -}}
{{- $own := list "listen" "port" "admin-listen" "memory" "drain-delay" "drain-timeout" "log-level" "log-format" "access-log" -}}
{{- $own = concat $own (list "threads" "max-connections" "disk-path" "disk-kind" "disk-capacity" "disk-required" "kind" "kinds") -}}
{{- $own = concat $own (list "allow-bucket" "page-size" "auth-tokens" "tls-cert" "tls-key" "tls-client-ca" "admin-tls" "s3api-listen") -}}
{{- $own = concat $own (list "s3api-open" "s3api-keys" "s3api-domain" "s3api-external-host" "s3api-bucket" "s3api-revalidate") -}}
{{- $own = concat $own (list "s3-force-path-style" "s3-anonymous" "s3-checksum-mode") -}}
{{- $given := list -}}
{{- range .Values.extraArgs -}}
{{- $option := regexFind "^--[a-z0-9-]+" . -}}
{{- $given = append $given (dict "text" (printf "extraArgs: %s" $option) "option" (trimPrefix "--" $option)) -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "CACHEY_" .name -}}
{{- $option := trimPrefix "CACHEY_" .name | lower | replace "_" "-" -}}
{{- $given = append $given (dict "text" (printf "extraEnv: %s" .name) "option" $option) -}}
{{- end -}}
{{- end -}}
{{- range $given -}}
{{- if has .option $own -}}
{{- fail (printf "cachey: %s has a value of its own in this chart; README.md names it" .text) -}}
{{- end -}}
{{- if has .option (list "check-config" "check-origin" "print-config" "help" "version") -}}
{{- fail (printf "cachey: %s makes the server end at once" .text) -}}
{{- end -}}
{{- if eq .option "disk-wipe" -}}
{{- fail (printf "cachey: %s would empty the disk at each start of a pod" .text) -}}
{{- end -}}
{{- if eq .option "tls-self" -}}
{{- fail (printf "cachey: %s makes a certificate that nobody can check; use tls.secretName" .text) -}}
{{- end -}}
{{- end -}}
{{- end -}}
