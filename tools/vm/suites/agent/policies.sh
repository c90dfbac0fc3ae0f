# shellcheck shell=sh
# Policies of the suite: `policy FILE NAME ENFORCER RULES [MODE-LINES]`.

policy() {
  cat >"$policies/$1" <<YAML
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: $2, namespace: vm}
spec:
  target:
    kind: Pod
    selector: {matchLabels: {app: $2}}
  policy:
    enforcer: $3
    mode: EnhanceProtect
    enhanceProtect:
      auditViolations: true
$4
YAML
}

shadow="      attackProtectionRules: [{rules: [disable-access-shadow]}]"
deny_file() { echo "      bpfRawRules: {files: [{pattern: $1, permissions: [read], qualifiers: [deny, audit]}]}"; }
