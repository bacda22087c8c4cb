{{/* Volumes of a node: files of secrets, and the disk unless a claim of the pod is the disk. */}}
{{- define "cachey.mounts" -}}
{{- $v := .Values -}}
{{- if and $v.disk.enabled (eq $v.disk.volumeMode "Filesystem") }}
- {name: cache, mountPath: /var/cache/cachey}
{{- end }}
{{- if $v.auth.tokensSecret }}
- {name: tokens, mountPath: /etc/cachey/tokens, readOnly: true}
{{- end }}
{{- if and $v.s3.enabled $v.s3.keysSecret }}
- {name: s3-keys, mountPath: /etc/cachey/s3-keys, readOnly: true}
{{- end }}
{{- if $v.tls.secretName }}
- {name: tls, mountPath: /etc/cachey/tls, readOnly: true}
{{- end }}
{{- if $v.tls.clientCaSecret }}
- {name: client-ca, mountPath: /etc/cachey/client-ca, readOnly: true}
{{- end }}
{{- with $v.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "cachey.volumes" -}}
{{- $v := .Values -}}
{{- if and $v.disk.enabled (eq $v.disk.volume "emptyDir") }}
- name: cache
  emptyDir: {sizeLimit: {{ $v.disk.size }}}
{{- end }}
{{- if $v.auth.tokensSecret }}
- name: tokens
  secret: {secretName: {{ $v.auth.tokensSecret | quote }}, defaultMode: 0400}
{{- end }}
{{- if and $v.s3.enabled $v.s3.keysSecret }}
- name: s3-keys
  secret: {secretName: {{ $v.s3.keysSecret | quote }}, defaultMode: 0400}
{{- end }}
{{- if $v.tls.secretName }}
- name: tls
  secret: {secretName: {{ $v.tls.secretName | quote }}, defaultMode: 0400}
{{- end }}
{{- if $v.tls.clientCaSecret }}
- name: client-ca
  secret:
    secretName: {{ $v.tls.clientCaSecret | quote }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
