{{/* The text of deploy/haproxy/haproxy.cfg and s3.cfg, with the addresses, certificates and nodes of this release. */}}
{{- define "cachey.haproxyText" -}}
{{- $v := .Values -}}
# HAProxy 2.6 or later, in front of nodes of Cachey. deploy/haproxy/README.md says what the lines mean.

global
    maxconn {{ add (mul 2 (int $v.haproxy.maxConnections)) 100 }}
    hard-stop-after 90s
    tune.bufsize 32768
    stats socket /run/haproxy/admin.sock mode 660 level admin
{{- if or $v.haproxy.tlsSecret $v.haproxy.clientCertSecret }}
    ssl-load-extra-del-ext
{{- end }}

defaults
    mode http
    maxconn {{ int $v.haproxy.maxConnections }}
    timeout connect 500ms
    timeout client 75s
    timeout server 75s
    timeout http-request 10s
    timeout http-keep-alive 75s
    retries 3
    option redispatch
    retry-on conn-failure empty-response response-timeout
    option http-keep-alive
    option forwardfor
    http-reuse safe
    option splice-response
    option idle-close-on-response
    option srvtcpka
    srvtcpka-idle 1s
    srvtcpka-intvl 1s
{{- if $v.haproxy.backups }}
    option allbackups
{{- end }}

# The addresses of pods. If the name server fails, the last addresses stay, and the health checks decide.
resolvers kubernetes
{{- range $at, $server := $v.haproxy.resolvers }}
    nameserver ns{{ $at }} {{ $server }}
{{- else }}
    parse-resolv-conf
{{- end }}
    accepted_payload_size 8192
    resolve_retries 3
    timeout resolve 5s
    timeout retry 1s
    hold valid 5s
    hold nx 30s
    hold obsolete 0s
    hold other 1h
    hold refused 1h
    hold timeout 1h

# The key is the object and the GiB of the object that the range begins in. All keys of one owner stay together.
frontend fetch
    bind {{ include "cachey.haproxyBind" (dict "root" . "port" $v.port) }}
    http-request return status 503 hdr Retry-After 1 content-type text/plain string "too many requests under way\n" if { be_conn(nodes) ge {{ int $v.haproxy.maxConnections }} }
    http-request del-header Forwarded
    http-request set-header X-Request-Id %[uuid()] unless { req.hdr(X-Request-Id) -m found }
    http-request set-var(txn.gib) int(0)
    http-request set-var(txn.gib) req.fhdr(range),regsub(^bytes=,,i),field(1,-),div(1073741824) if { req.fhdr(range) -m reg -i ^bytes=[0-9]+- }
    http-request set-var-fmt(txn.key) "%[path,regsub(^/fetch/,/),url_dec]|%[var(txn.gib)]"
    default_backend nodes

# Its own health and metrics. /readyz: at least one node is ready.
frontend admin
    bind {{ include "cachey.haproxyAdminBind" . }}
    http-request use-service prometheus-exporter if { path /metrics }
    http-request return status 200 content-type text/plain string "ok\n" if { path /healthz }
    http-request return status 503 content-type text/plain string "no node is ready\n" if { path /readyz } { nbsrv(nodes) lt 1 }
    http-request return status 200 content-type text/plain string "ok\n" if { path /readyz }
    http-request return status 404 content-type text/plain string "no such path\n"

backend nodes
    balance hash var(txn.key)
    hash-type consistent sdbm avalanche
{{- if $v.haproxy.hashBalanceFactor }}
    hash-balance-factor {{ int $v.haproxy.hashBalanceFactor }}
{{- end }}
    timeout server 20s
    http-request set-timeout server 75s if { req.hdr(C0-Config) -m found }
    option httpchk GET /readyz
    default-server check inter 250ms fastinter 500ms fall 3 rise 1 weight 100
{{- include "cachey.haproxyServers" (dict "root" . "port" $v.port) }}
{{- if $v.s3.enabled }}

frontend s3
    bind {{ include "cachey.haproxyBind" (dict "root" . "port" $v.s3.port) }}
    http-request return status 503 hdr Retry-After 1 content-type text/plain string "too many requests under way\n" if { be_conn(s3nodes) ge {{ int $v.haproxy.maxConnections }} }
    http-request del-header Forwarded
    http-request set-header X-Request-Id %[uuid()] unless { req.hdr(X-Request-Id) -m found }
    http-request set-var(txn.gib) int(0)
    http-request set-var(txn.gib) req.fhdr(range),regsub(^bytes=,,i),field(1,-),div(1073741824) if { req.fhdr(range) -m reg -i ^bytes=[0-9]+- }
    http-request set-var-fmt(txn.key) "%[path,url_dec]|%[var(txn.gib)]"
{{- $domains := list }}
{{- range $v.s3.domains }}
{{- $domains = append $domains (printf "%04d%s" (len .) (lower .)) }}
{{- end }}
{{- range sortAlpha $domains }}{{/* The longest one that a name has is the last one, and decides. */}}
{{- $domain := substr 4 -1 . | replace "." "[.]" }}
    http-request set-var(txn.bucket) req.hdr(host),host_only,regsub([.]{{ $domain }}[.]?$,)
    http-request set-var-fmt(txn.key) "/%[var(txn.bucket)]%[path,url_dec]|%[var(txn.gib)]" if { req.hdr(host),host_only -m reg [.]{{ $domain }}[.]?$ }
{{- end }}
    http-request set-var-fmt(txn.key) "%[uuid()]" if { var(txn.key) -m reg ^/[^/|]*/?[|][0-9]+$ }
    default_backend s3nodes

backend s3nodes
    balance hash var(txn.key)
    hash-type consistent sdbm avalanche
{{- if $v.haproxy.hashBalanceFactor }}
    hash-balance-factor {{ int $v.haproxy.hashBalanceFactor }}
{{- end }}
    option httpchk GET /-/readyz
    default-server check inter 250ms fastinter 500ms fall 3 rise 1 weight 100
{{- include "cachey.haproxyServers" (dict "root" . "port" $v.s3.port) }}
{{- end }}
{{ end -}}

{{- define "cachey.haproxyBind" -}}
{{- $v := .root.Values -}}
{{- if eq $v.haproxy.mode "sidecar" -}}
127.0.0.1:{{ int .port }}
{{- else -}}
{{ include "cachey.address" (dict "address" $v.listen "port" .port) }}{{ if contains ":" $v.listen }} v4v6{{ end }}
{{- if $v.haproxy.tlsSecret }} ssl crt /etc/haproxy/tls/tls.crt alpn h2,http/1.1{{ end }}
{{- end -}}
{{- end -}}

{{- define "cachey.haproxyAdminBind" -}}
{{- $sidecar := eq .Values.haproxy.mode "sidecar" -}}
{{- $address := ternary "127.0.0.1" .Values.listen $sidecar -}}
{{ include "cachey.address" (dict "address" $address "port" .Values.haproxy.adminPort) }}{{ if contains ":" $address }} v4v6{{ end }}
{{- end -}}

{{/* One line a pod: its id, and so its keys, depend on the ordinal alone. Then the nodes of other zones. */}}
{{- define "cachey.haproxyServers" -}}
{{- $v := .root.Values -}}
{{- $port := int .port -}}
{{- $rest := printf "resolvers kubernetes init-addr none resolve-prefer %s" (ternary "ipv6" "ipv4" (contains ":" $v.listen)) -}}
{{- $root := .root -}}
{{- range $at := until (int $v.replicas) }}
{{- $host := include "cachey.podHost" (dict "root" $root "ordinal" $at) }}
    server {{ include "cachey.fullname" $root }}-{{ $at }} {{ $host }}:{{ $port }} id {{ add 101 $at }} tcp-ut 1500 {{ $rest }}
    {{- include "cachey.haproxyNodeTls" (dict "root" $root "host" $host) }}
{{- end }}
{{- range $at, $host := $v.haproxy.backups }}
    server backup-{{ $at }} {{ $host }}:{{ $port }} id {{ add 10001 $at }} tcp-ut 1500 {{ $rest }} backup
    {{- include "cachey.haproxyNodeTls" (dict "root" $root "host" $host) }}
{{- end }}
{{- end -}}

{{- define "cachey.haproxyNodeTls" -}}
{{- if .root.Values.tls.secretName }} ssl verify required ca-file /etc/haproxy/node-ca/ca.crt sni str({{ .host }}) check-sni {{ .host }}
{{- if .root.Values.haproxy.clientCertSecret }} crt /etc/haproxy/client/tls.crt{{ end }}
{{- end -}}
{{- end -}}
