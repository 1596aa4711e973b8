{{/* dict "name" "secret" "key" -> a variable from a Secret; not optional: a missing one is said by the pod's event. */}}
{{- define "wattlog.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{- define "wattlog.kafkaEnv" -}}
{{- with .Values.kafka }}
- name: KAFKA_BROKERS
  value: {{ join "," .brokers | quote }}
- name: WATTLOG_KAFKA_DRIVER
  value: {{ .driver | quote }}
{{- if .tls.enabled }}
- name: KAFKA_SSL
  value: "true"
{{- if .tls.existingSecret }}
{{- with .tls.caKey }}
- name: KAFKA_SSL_CA_FILE
  value: /etc/wattlog/kafka/{{ . }}
{{- end }}
{{- with .tls.certKey }}
- name: KAFKA_SSL_CERT_FILE
  value: /etc/wattlog/kafka/{{ . }}
{{- end }}
{{- with .tls.keyKey }}
- name: KAFKA_SSL_KEY_FILE
  value: /etc/wattlog/kafka/{{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- if .sasl.mechanism }}
- name: KAFKA_SASL_MECHANISM
  value: {{ .sasl.mechanism }}
{{ include "wattlog.fromSecret" (dict "name" "KAFKA_SASL_USERNAME" "secret" .sasl.existingSecret "key" .sasl.usernameKey) }}
{{ include "wattlog.fromSecret" (dict "name" "KAFKA_SASL_PASSWORD" "secret" .sasl.existingSecret "key" .sasl.passwordKey) }}
{{- if eq .sasl.mechanism "oauthbearer" }}
- name: KAFKA_SASL_TOKEN_URL
  value: {{ .sasl.tokenUrl | quote }}
{{- with .sasl.scope }}
- name: KAFKA_SASL_SCOPE
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "wattlog.redisEnv" -}}
{{- with .Values.redis }}
{{- if .urlKey }}
{{ include "wattlog.fromSecret" (dict "name" "REDIS_URL" "secret" .existingSecret "key" .urlKey) }}
{{- else }}
{{- $ca := ternary (printf "caFile=/etc/wattlog/redis/%s" .tls.caKey) "" (not (empty .tls.existingSecret)) }}
- name: REDIS_URL
  value: {{ include "wattlog.withParameters" (dict "url" .url "parameters" (list $ca)) | quote }}
{{- end }}
{{- if .passwordKey }}
{{ include "wattlog.fromSecret" (dict "name" "REDIS_PASSWORD" "secret" .existingSecret "key" .passwordKey) }}
{{- end }}
{{- if .sentinelPasswordKey }}
{{ include "wattlog.fromSecret" (dict "name" "REDIS_SENTINEL_PASSWORD" "secret" .existingSecret "key" .sentinelPasswordKey) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "wattlog.postgresEnv" -}}
{{- with .Values.postgres }}
{{- if .urlKey }}
{{ include "wattlog.fromSecret" (dict "name" "DATABASE_URL" "secret" .existingSecret "key" .urlKey) }}
{{- else }}
{{- $folder := "/etc/wattlog/postgres" }}
{{- $parameters := list (ternary (printf "sslmode=%s" .tls.mode) "" (not (empty .tls.mode))) }}
{{- if .tls.existingSecret }}
{{- range $parameter, $key := dict "sslrootcert" .tls.caKey "sslcert" .tls.certKey "sslkey" .tls.keyKey }}
{{- $parameters = append $parameters (ternary (printf "%s=%s/%s" $parameter $folder $key) "" (not (empty $key))) }}
{{- end }}
{{- end }}
- name: DATABASE_URL
  value: {{ include "wattlog.withParameters" (dict "url" .url "parameters" $parameters) | quote }}
{{- end }}
{{- if .passwordKey }}
{{ include "wattlog.fromSecret" (dict "name" "PGPASSWORD" "secret" .existingSecret "key" .passwordKey) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* dict "url" "parameters": empty ones are left out */}}
{{- define "wattlog.withParameters" -}}
{{- $parameters := without .parameters "" -}}
{{- if $parameters -}}
{{ .url }}{{ ternary "&" "?" (contains "?" .url) }}{{ join "&" $parameters }}
{{- else -}}
{{ .url }}
{{- end -}}
{{- end -}}

{{/* What every process gets; dict "root" $ "role" "gateway" */}}
{{- define "wattlog.commonEnv" -}}
{{- $values := .root.Values }}
- name: WATTLOG_BIND
  value: {{ $values.networkBind | quote }}
- name: WATTLOG_PARTY
  value: {{ $values.party | quote }}
- name: WATTLOG_CLUSTER_ID
  value: {{ $values.clusterId | quote }}
- name: WATTLOG_PARTITIONS
  value: {{ $values.partitions | quote }}
{{- with $values.archive.url }}
- name: WATTLOG_ARCHIVE
  value: {{ . | quote }}
{{- end }}
{{- with $values.archive.existingSecret }}
{{- range $key := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
{{ include "wattlog.fromSecret" (dict "name" $key "secret" $values.archive.existingSecret "key" $key) }}
{{- end }}
{{- end }}
{{- range $name, $value := $values.config }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* The gateways' own TLS, and the doors before them that are believed; the gateway's values */}}
{{- define "wattlog.doorEnv" -}}
{{- if .tls.existingSecret }}
- name: WATTLOG_OCPP_TLS_CERT_FILE
  value: /etc/wattlog/ocpp-tls/tls.crt
- name: WATTLOG_OCPP_TLS_KEY_FILE
  value: /etc/wattlog/ocpp-tls/tls.key
{{- end }}
{{- if not .service.plain }}
- name: WATTLOG_OCPP_PLAIN
  value: "false"
{{- end }}
{{- if .tls.clientCaSecret }}
- name: WATTLOG_OCPP_CLIENT_CA_FILE
  value: /etc/wattlog/station-ca/{{ .tls.clientCaKey }}
{{- end }}
{{- with .organizations }}
- name: WATTLOG_OCPP_ORGANIZATIONS
  value: {{ join ";" . | quote }}
{{- end }}
{{- with .trustedProxies }}
- name: WATTLOG_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .certificateHeader }}
- name: WATTLOG_PROXY_CERTIFICATE_HEADER
  value: {{ . }}
{{- end }}
{{- end -}}

{{/* dict "root" $ "role" "gateway": what a role needs and nothing that it does not (a password least of all). */}}
{{- define "wattlog.env" -}}
{{- $root := .root }}
{{- $values := $root.Values }}
{{- include "wattlog.commonEnv" . }}
{{- if ne .role "migrate" }}
{{- include "wattlog.kafkaEnv" $root }}
{{- end }}
{{- if has .role (list "gateway" "processor" "api") }}
{{- include "wattlog.redisEnv" $root }}
{{- end }}
{{- if has .role (list "processor" "projector" "api" "archiver" "migrate") }}
{{- include "wattlog.postgresEnv" $root }}
{{- end }}
{{- if has .role (list "gateway" "processor" "projector" "api" "archiver") }}
- name: WATTLOG_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}
{{- if eq .role "gateway" }}
- name: WATTLOG_DRAIN_SECONDS
  value: {{ include "wattlog.drainSeconds" $root | quote }}
{{- include "wattlog.doorEnv" $values.gateway }}
{{- end }}
{{- if $values.secretsKey.existingSecret }}
{{- if has .role (list "gateway" "processor" "projector" "api") }}
{{ include "wattlog.fromSecret" (dict "name" "WATTLOG_SECRETS_KEY" "secret" $values.secretsKey.existingSecret "key" $values.secretsKey.key) }}
{{- end }}
{{- end }}
{{- if eq .role "api" }}
{{ include "wattlog.fromSecret" (dict "name" "WATTLOG_ADMIN_TOKEN" "secret" $values.adminToken.existingSecret "key" $values.adminToken.key) }}
{{- if $values.api.tls.existingSecret }}
- name: WATTLOG_TLS_CERT_FILE
  value: /etc/wattlog/tls/tls.crt
- name: WATTLOG_TLS_KEY_FILE
  value: /etc/wattlog/tls/tls.key
{{- end }}
{{- if $values.certificateAuthority.existingSecret }}
- name: WATTLOG_CA_CERT_FILE
  value: /etc/wattlog/authority/tls.crt
- name: WATTLOG_CA_KEY_FILE
  value: /etc/wattlog/authority/tls.key
{{- end }}
{{- end }}
{{- with get $values .role }}
{{- range $name, $value := .env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Folder name -> Secret; dict "root" $ "role" "gateway". YAML of a map, for who mounts them. */}}
{{- define "wattlog.secretFolders" -}}
{{- $values := .root.Values }}
{{- $folders := dict }}
{{- if and $values.kafka.tls.existingSecret (ne .role "migrate") }}{{ $_ := set $folders "kafka" $values.kafka.tls.existingSecret }}{{ end }}
{{- if and $values.redis.tls.existingSecret (has .role (list "gateway" "processor" "api")) }}{{ $_ := set $folders "redis" $values.redis.tls.existingSecret }}{{ end }}
{{- if and $values.postgres.tls.existingSecret (not (has .role (list "gateway" "topics"))) }}{{ $_ := set $folders "postgres" $values.postgres.tls.existingSecret }}{{ end }}
{{- if and $values.api.tls.existingSecret (eq .role "api") }}{{ $_ := set $folders "tls" $values.api.tls.existingSecret }}{{ end }}
{{- if and $values.certificateAuthority.existingSecret (eq .role "api") }}{{ $_ := set $folders "authority" $values.certificateAuthority.existingSecret }}{{ end }}
{{- if eq .role "gateway" }}
{{- with $values.gateway.tls.existingSecret }}{{ $_ := set $folders "ocpp-tls" . }}{{ end }}
{{- with $values.gateway.tls.clientCaSecret }}{{ $_ := set $folders "station-ca" . }}{{ end }}
{{- end }}
{{- toYaml $folders }}
{{- end -}}
