{{- define "pilothouse.labels" -}}
app.kubernetes.io/name: pilothouse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pilothouse.owner" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "pilothouse.subject" -}}
- {kind: ServiceAccount, name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
{{- end }}

{{/* A list of names as it stands between brackets, with a comma after it. */}}
{{- define "pilothouse.listed" -}}
{{- range . }}{{ . | quote }}, {{ end -}}
{{- end }}
