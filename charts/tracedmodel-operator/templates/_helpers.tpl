{{- define "tracedmodel-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $name = default $full .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "a Service cannot be named %s: set fullnameOverride to lower-case letters, digits and dashes, a letter first" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- define "tracedmodel-operator.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tracedmodel-operator.labels" -}}
{{- $own := include "tracedmodel-operator.selector" . | fromYaml -}}
{{- $about := dict "app.kubernetes.io/component" "operator" "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) -}}
{{- toYaml (merge $own $about .Values.labels) -}}
{{- end }}

{{- /* Labels, and annotations where there are any: what `metadata` ends with. */}}
{{- define "tracedmodel-operator.about" -}}
labels:
  {{- include "tracedmodel-operator.labels" . | nindent 2 }}
{{- with .Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tracedmodel-operator.serviceAccountName" -}}
{{- default (ternary (include "tracedmodel-operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end }}

{{- define "tracedmodel-operator.leaseName" -}}
{{- default (include "tracedmodel-operator.fullname" .) .Values.lease.name -}}
{{- end }}

{{- define "tracedmodel-operator.leaseNamespace" -}}
{{- default .Release.Namespace .Values.lease.namespace -}}
{{- end }}

{{- /* An image by its content, or by its tag: a pair of `image` and `version`. */}}
{{- define "tracedmodel-operator.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ default .version .image.tag }}
{{- end -}}
{{- end }}

{{- /* The settings of a target as the operator reads them: a pair of `target` and `version`. */}}
{{- define "tracedmodel-operator.target" -}}
{{- $read := dict -}}
{{- range $name, $value := .target -}}
{{- if hasSuffix "Image" $name -}}
{{- $_ := set $read (snakecase $name) (include "tracedmodel-operator.image" (dict "image" $value "version" $.version)) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $read (snakecase $name) $value -}}
{{- end -}}
{{- end -}}
{{- toJson $read -}}
{{- end }}

{{- /* A mapping as the operator spells its names, as JSON. */}}
{{- define "tracedmodel-operator.snaked" -}}
{{- $read := dict -}}
{{- range $name, $value := . -}}
{{- $_ := set $read (snakecase $name) $value -}}
{{- end -}}
{{- toJson $read -}}
{{- end }}

{{- /* Every setting by its name, strings as they are and all else as JSON. */}}
{{- define "tracedmodel-operator.settings" -}}
{{- with .Values.settings -}}
{{- if and .backoffSeconds .maxBackoffSeconds (gt (int .backoffSeconds) (int .maxBackoffSeconds)) -}}
{{- fail (printf "settings.backoffSeconds is %v, above settings.maxBackoffSeconds, which is %v: raise the latter" .backoffSeconds .maxBackoffSeconds) -}}
{{- end -}}
{{- end -}}
{{- $found := dict "leaseName" (include "tracedmodel-operator.leaseName" .) "namespaces" .Values.namespaces "autoscaling" .Values.autoscaling.engine -}}
{{- with .Values.lease.namespace -}}
{{- $_ := set $found "namespace" . -}}
{{- end -}}
{{- with .Values.autoscaling.behavior -}}
{{- $_ := set $found "scaling" (include "tracedmodel-operator.snaked" .) -}}
{{- end -}}
{{- range $name, $target := .Values.targets -}}
{{- $_ := set $found $name (include "tracedmodel-operator.target" (dict "target" $target "version" $.Chart.AppVersion)) -}}
{{- end -}}
{{- range $name, $value := merge $found .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
- name: TRACEDMODEL_OPERATOR_{{ snakecase $name | upper }}
{{- with ternary $value (toJson $value) (kindIs "string" $value) }}
  value: {{ quote . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What the operator may do in each namespace that it looks after: tracedmodel_operator/permissions.py. */}}
{{- define "tracedmodel-operator.rules" -}}
- apiGroups: [tracedmodel.dev]
  resources: [tracedmodels]
  verbs: [list, watch, get]
- apiGroups: [tracedmodel.dev]
  resources: [tracedmodels/status]
  verbs: [patch]
- apiGroups: [tracedmodel.dev]
  resources: [tracedmodels/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, get, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, get, create, patch]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, get, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, get, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, get, create, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch{{ if ne .Values.autoscaling.engine "KEDA" }}, get, create, patch{{ end }}, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- if eq .Values.autoscaling.engine "KEDA" }}
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [list, watch, get, create, patch, delete]
{{- end }}
{{- end }}

{{- define "tracedmodel-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "tracedmodel-operator.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* Serving pods, as the operator labels them. */}}
{{- define "tracedmodel-operator.servers" -}}
matchLabels:
  app.kubernetes.io/managed-by: tracedmodel-operator
  app.kubernetes.io/component: serving
{{- end }}

{{- define "tracedmodel-operator.gcName" -}}
{{- include "tracedmodel-operator.fullname" . }}-gc
{{- end }}

{{- /* Its pods have another name than the operator, whose Service and policies select by that. */}}
{{- define "tracedmodel-operator.gcSelector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 60 | trimSuffix "-" }}-gc
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tracedmodel-operator.gcLabels" -}}
{{- $own := include "tracedmodel-operator.gcSelector" . | fromYaml -}}
{{- toYaml (merge $own (dict "app.kubernetes.io/component" "gc") (include "tracedmodel-operator.labels" . | fromYaml)) -}}
{{- end }}

{{- define "tracedmodel-operator.gcAbout" -}}
labels:
  {{- include "tracedmodel-operator.gcLabels" . | nindent 2 }}
{{- with .Values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tracedmodel-operator.gcArguments" -}}
{{- $found := list "--store" .Values.gc.store "--older-than" .Values.gc.olderThan -}}
{{- range .Values.namespaces -}}
{{- $found = concat $found (list "--namespace" .) -}}
{{- end -}}
{{- if .Values.gc.delete -}}
{{- $found = append $found "--delete" -}}
{{- end -}}
{{- toYaml $found -}}
{{- end }}
