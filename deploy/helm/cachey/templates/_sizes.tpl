{{/* The whole MiB of a Kubernetes quantity (4Gi), or with `own` of a size as Cachey takes sizes (4GiB). Arguments: value,
name, own. */}}
{{- define "cachey.mib" -}}
{{- $text := .value -}}
{{- if not (kindIs "string" $text) }}{{ $text = printf "%.0f" (float64 $text) }}{{ end -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- if .own }}{{ $unit = trimSuffix "B" $unit }}{{ end -}}
{{- $units := dict "" 1.0 "k" 1e3 "K" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 -}}
{{- $units = merge $units (dict "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0) -}}
{{- if or (not $number) (not (hasKey $units $unit)) -}}
{{- fail (printf "cachey: %s: %q is no size; write it like 4Gi, 512Mi or 8G" .name $text) -}}
{{- end -}}
{{- divf (mulf (float64 $number) (get $units $unit)) 1048576.0 | floor | int64 -}}
{{- end -}}

{{/* --memory: at most 85 % of the container's limit, and 128 MiB below it. */}}
{{- define "cachey.memory" -}}
{{- $limit := dig "limits" "memory" "" .Values.resources -}}
{{- $most := 0 -}}
{{- if $limit -}}
{{- $mib := include "cachey.mib" (dict "value" $limit "name" "resources.limits.memory") | int64 -}}
{{- $most = min (div (mul $mib 85) 100) (sub $mib 128) -}}
{{- if lt $most 64 -}}
{{- fail (printf "cachey: resources.limits.memory: %v is too little; Cachey needs 192Mi or more" $limit) -}}
{{- end -}}
{{- end -}}
{{- if hasSuffix "%" .Values.memory -}}
{{- if le (trimSuffix "%" .Values.memory | float64) 0.0 -}}
{{- fail (printf "cachey: memory: %s leaves no memory" .Values.memory) -}}
{{- end -}}
{{- if gt (trimSuffix "%" .Values.memory | float64) 85.0 -}}
{{- fail (printf "cachey: memory: %s is more than 85%% of the container's limit; connections and the program need the rest" .Values.memory) -}}
{{- end -}}
{{- .Values.memory -}}
{{- else if .Values.memory -}}
{{- $asked := include "cachey.mib" (dict "value" .Values.memory "name" "memory" "own" true) | int64 -}}
{{- if lt $asked 64 -}}{{- fail (printf "cachey: memory: %s is less than 64MiB" .Values.memory) -}}{{- end -}}
{{- if and $limit (gt $asked $most) -}}
{{- fail (printf "cachey: memory: %s is more than %dMiB, what resources.limits.memory: %v leaves for the cache" .Values.memory $most $limit) -}}
{{- end -}}
{{- .Values.memory -}}
{{- else if $limit -}}
{{- printf "%dMiB" $most -}}
{{- else -}}
{{- fail "cachey: set resources.limits.memory (85 % of it is for the cache), or memory" -}}
{{- end -}}
{{- end -}}

{{/* --disk-capacity: 88 % of a file system. ext4 of 1 GiB with 5 % reserved for root has 90 % for others, larger ones more. */}}
{{- define "cachey.diskCapacity" -}}
{{- $size := include "cachey.mib" (dict "value" .Values.disk.size "name" "disk.size") | int64 -}}
{{- if lt $size 1024 -}}{{- fail (printf "cachey: disk.size: %v is less than 1Gi" .Values.disk.size) -}}{{- end -}}
{{- if .Values.disk.capacity -}}
{{- $asked := include "cachey.mib" (dict "value" .Values.disk.capacity "name" "disk.capacity" "own" true) | int64 -}}
{{- if gt $asked $size -}}
{{- fail (printf "cachey: disk.capacity: %s is more than disk.size: %v" .Values.disk.capacity .Values.disk.size) -}}
{{- end -}}
{{- .Values.disk.capacity -}}
{{- else if eq .Values.disk.volumeMode "Block" -}}
{{- printf "%dMiB" $size -}}
{{- else -}}
{{- printf "%dMiB" (div (mul $size 88) 100) -}}
{{- end -}}
{{- end -}}
