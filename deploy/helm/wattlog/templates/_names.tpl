{{- define "wattlog.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "wattlog.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "wattlog.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "wattlog.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selectors never change: a Deployment's cannot. */}}
{{- define "wattlog.selector" -}}
app.kubernetes.io/name: {{ include "wattlog.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* dict "root" $ "role" "gateway" */}}
{{- define "wattlog.roleSelector" -}}
{{ include "wattlog.selector" .root }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "wattlog.labels" -}}
{{ include "wattlog.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "wattlog.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "wattlog.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "wattlog.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/*
How long a gateway's drain takes, s: its stations at the rate of closes, which have 60 % of the time (gateway/drain.ts);
never less than the product's own 25 s.
*/}}
{{- define "wattlog.drainSeconds" -}}
{{- $closes := divf (.Values.gateway.connectionsPerPod | float64) (.Values.gateway.drain.closesPerSecond | float64) -}}
{{- max 25 (ceil (divf $closes 0.6) | int) -}}
{{- end -}}

{{- define "wattlog.gatewayGraceSeconds" -}}
{{- add .Values.gateway.drain.preStopSeconds (include "wattlog.drainSeconds" . | int) 10 -}}
{{- end -}}
