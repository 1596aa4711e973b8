{{- define "wattlog.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.podSecurity.runAsUser }}
runAsUser: {{ . | int64 }}
{{- end }}
{{- with .Values.podSecurity.fsGroup }}
fsGroup: {{ . | int64 }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "wattlog.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* dict "root" $ "role" "gateway" */}}
{{- define "wattlog.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- range $folder, $secret := include "wattlog.secretFolders" . | fromYaml }}
- name: secret-{{ $folder }}
  mountPath: /etc/wattlog/{{ $folder }}
  readOnly: true
{{- end }}
{{- if .root.Values.archive.existingClaim }}
- name: archive
  mountPath: /archive
{{- end }}
{{- end -}}

{{- define "wattlog.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- range $folder, $secret := include "wattlog.secretFolders" . | fromYaml }}
- name: secret-{{ $folder }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 288 # 0440
{{- end }}
{{- with .root.Values.archive.existingClaim }}
- name: archive
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- end -}}

{{- define "wattlog.spread" -}}
{{- if ne .root.Values.topologySpread "off" }}
topologySpreadConstraints:
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ ternary "DoNotSchedule" "ScheduleAnyway" (eq $.root.Values.topologySpread "require") }}
    labelSelector:
      matchLabels:
        {{- include "wattlog.roleSelector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "wattlog.probes" -}}
# Liveness says only that the process turns; a missing Kafka, Redis or Postgres is the readiness' affair.
startupProbe:
  httpGet: {path: /health/live, port: admin}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health/live, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: admin}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "wattlog.ports" -}}
- name: admin
  containerPort: 9464
{{- if eq .role "gateway" }}
{{- if .root.Values.gateway.service.plain }}
- name: ocpp
  containerPort: 9000
{{- end }}
{{- if .root.Values.gateway.tls.existingSecret }}
- name: ocpp-tls
  containerPort: 9443
{{- end }}
{{- end }}
{{- if eq .role "api" }}
- name: http
  containerPort: 8080
{{- if .root.Values.api.tls.existingSecret }}
- name: https
  containerPort: 8443
{{- end }}
{{- end }}
{{- end -}}

{{/* dict "root" $ "role" "gateway": what is alike in all that run for long */}}
{{- define "wattlog.podTemplate" -}}
{{- $root := .root }}
{{- $own := get $root.Values .role }}
{{- $env := include "wattlog.env" . }}
metadata:
  labels:
    {{- include "wattlog.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
  annotations:
    # A changed setting is a new pod, also where only the order of an upgrade would show it.
    checksum/environment: {{ sha256sum $env }}
    {{- with $own.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "wattlog.serviceAccount" $root }}
  automountServiceAccountToken: false
  # Kubernetes would inject WATTLOG_…_SERVICE_HOST and the like beside our settings.
  enableServiceLinks: false
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{ include "wattlog.podSecurity" $root | nindent 4 }}
  terminationGracePeriodSeconds: {{ ternary (include "wattlog.gatewayGraceSeconds" $root) ($own.gracePeriodSeconds | toString) (eq .role "gateway") }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- include "wattlog.spread" . | nindent 2 }}
  containers:
    - name: {{ .role }}
      image: {{ include "wattlog.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ .role }}]
      env: {{ $env | nindent 8 }}
      ports: {{ include "wattlog.ports" . | nindent 8 }}
      {{- include "wattlog.probes" . | nindent 6 }}
      {{- with .preStopSeconds }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ . }}}
      {{- end }}
      resources: {{ toYaml $own.resources | nindent 8 }}
      securityContext: {{ include "wattlog.containerSecurity" $root | nindent 8 }}
      volumeMounts: {{ include "wattlog.mounts" . | nindent 8 }}
  volumes: {{ include "wattlog.volumes" . | nindent 4 }}
{{- end -}}
