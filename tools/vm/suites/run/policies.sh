# shellcheck shell=sh
# Policies for the scripts beside this one: all.yaml, and by enforcer app_armor.yaml, bpf.yaml, seccomp.yaml.

# policy FILE ENFORCER [CONTENT]: CONTENT stands below enhanceProtect.
policy() {
  cat >"$1" <<P
apiVersion: crd.varmor.org/v1beta1
kind: VarmorPolicy
metadata: {name: demo, namespace: vm}
spec:
  target: {kind: Deployment, name: web}
  policy:
    enforcer: $2
    mode: EnhanceProtect
    enhanceProtect:
      auditViolations: true
${3:-      attackProtectionRules:
      - rules: [disable-access-shadow]
      hardeningRules: [disallow-write-core-pattern]}
P
}

policy all.yaml AppArmorBPFSeccomp
policy app_armor.yaml AppArmor
policy bpf.yaml BPF
policy seccomp.yaml Seccomp "      syscallRawRules:
      - {names: [mkdir, mkdirat], action: SCMP_ACT_ERRNO, errnoRet: 38}"
