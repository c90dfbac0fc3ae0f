/* The library for C, and for every language that can call C: policies in; artifacts, mistakes and
 * answers out.
 *
 *     varmor_result *result = NULL;
 *     varmor_status status = varmor_compile(text, length, NULL, &result);
 *     for (size_t i = 0; i < varmor_result_diagnostic_count(result); i++)
 *       fputs(varmor_diagnostic_text(varmor_result_diagnostic(result, i)), stderr);
 *     ... varmor_artifact_bytes(varmor_policy_artifact(varmor_result_policy(result, 0), 0)) ...
 *     varmor_result_free(result);
 *
 * Ownership. varmor_compile, varmor_simulator_load and varmor_decide give the caller one object
 * each, which its own ..._free releases. Everything else that is returned, strings included,
 * belongs to the object that it was asked of, is never changed, and lives as long as that object.
 * The arguments of a call are not kept: they may go away when it returns.
 *
 * Threads. There is no global state. Any number of calls may run at once, and threads may share an
 * object as long as none of them frees it.
 *
 * Null. Where an object may be given it may be NULL: numbers are then 0, strings "", objects NULL,
 * and freeing does nothing. An index past the end gives the same.
 *
 * Strings are UTF-8 and end in NUL; where a length is given as well, it does not count that NUL.
 *
 * Faults. No call throws, exits or prints. What can go wrong is a varmor_status.
 *
 * ABI. Within one SONAME, functions, constants and members of varmor_options are added and never
 * changed or removed.
 */
#ifndef LIB_COMPILER_C_API_VARMOR_H_
#define LIB_COMPILER_C_API_VARMOR_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum varmor_status {
  VARMOR_OK = 0,
  /* The policies, facts or the event have mistakes. There is a result, and it tells them. */
  VARMOR_INVALID_INPUT = 1,
  /* The call is wrong: NULL where there must be something, options that this library does not know,
   * a policy with errors where a compiled one is wanted. No result. */
  VARMOR_INVALID_CALL = 2,
  /* No result. */
  VARMOR_OUT_OF_MEMORY = 3,
  /* A fault of the library, to be reported to its authors. A result of varmor_compile then has a
   * diagnostic about it; there may be none. */
  VARMOR_INTERNAL_FAULT = 4
} varmor_status;

/* "invalid input"; never NULL, also for numbers that are no status. */
const char *varmor_status_name(varmor_status status);

/* "0.1.0", the version of the library that runs, which need not be that of this header. */
const char *varmor_version(void);

/* --- compiling ------------------------------------------------------------------------------- */

/* varmor_options.flags */
/* Warnings instead of errors for what vArmor accepts and then ignores. */
#define VARMOR_LENIENT (1u << 0)
/* Mode BehaviorModeling: the modelling time is over. */
#define VARMOR_MODELING_FINISHED (1u << 1)

/* varmor_options.enforcers */
#define VARMOR_APPARMOR (1u << 0)
#define VARMOR_BPF (1u << 1)
#define VARMOR_SECCOMP (1u << 2)

/* Fill it with VARMOR_OPTIONS_INIT, then set what differs. */
typedef struct varmor_options {
  /* sizeof(varmor_options), so that a newer library knows an older caller. */
  size_t size;
  uint32_t flags;
  /* Only these; 0: all that the policies name. */
  uint32_t enforcers;
  /* How diagnostics name the text, and whether it is JSON (".json") or YAML. NULL: "-". */
  const char *source_name;
  /* Namespace of vArmor itself. NULL: "varmor". */
  const char *install_namespace;
  /* Architectures of seccomp profiles, "SCMP_ARCH_AARCH64", the native one first; a list that ends
   * in NULL. NULL: those of x86-64. */
  const char *const *architectures;
  /* YAML or JSON, each may be NULL: what a node knows (NodeFacts), with which the artifacts are
   * bound; addresses of the cluster (ClusterFacts); recorded behaviour (ArmorProfileModel). */
  const char *node_facts;
  const char *cluster_facts;
  const char *behavior_model;
} varmor_options;

#define VARMOR_OPTIONS_INIT \
  { sizeof(varmor_options), 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/* What a text compiled to. */
typedef struct varmor_result varmor_result;
/* One policy of it. */
typedef struct varmor_policy varmor_policy;
/* What one enforcer is to be given for a policy. */
typedef struct varmor_artifact varmor_artifact;
/* A mistake or a remark. */
typedef struct varmor_diagnostic varmor_diagnostic;

/* Compiles every policy in `text`: YAML with any number of documents, or JSON. Bytes of any kind
 * are fine, NUL included. `options` may be NULL. *result is set whenever the status says that there
 * is a result, and to NULL otherwise.
 *
 * VARMOR_OK: no policy has an error. VARMOR_INVALID_INPUT: at least one has, and no artifacts;
 * the others have theirs. */
varmor_status varmor_compile(const char *text, size_t length, const varmor_options *options,
                             varmor_result **result);
void varmor_result_free(varmor_result *result);

/* Policies in the order of the text, those with errors included. */
size_t varmor_result_policy_count(const varmor_result *result);
const varmor_policy *varmor_result_policy(const varmor_result *result, size_t index);

/* Mistakes and remarks about everything, in the order of the text. */
size_t varmor_result_diagnostic_count(const varmor_result *result);
const varmor_diagnostic *varmor_result_diagnostic(const varmor_result *result, size_t index);

/* metadata.name and metadata.namespace ("" for a cluster policy) as they were written. */
const char *varmor_policy_name(const varmor_policy *policy);
const char *varmor_policy_namespace(const varmor_policy *policy);
/* "varmor-shop-web"; may be "" for a policy with errors. */
const char *varmor_policy_profile(const varmor_policy *policy);
/* "enforce" or "complain"; "" for a policy with errors. */
const char *varmor_policy_mode(const varmor_policy *policy);
/* 1 if the policy has an error, and so no artifacts. */
int varmor_policy_has_errors(const varmor_policy *policy);

/* In the order of the kinds below. */
size_t varmor_policy_artifact_count(const varmor_policy *policy);
const varmor_artifact *varmor_policy_artifact(const varmor_policy *policy, size_t index);

typedef enum varmor_artifact_kind {
  VARMOR_ARTIFACT_NONE = 0,
  /* Text for apparmor_parser. */
  VARMOR_ARTIFACT_APPARMOR = 1,
  /* The BPF maps: a serialised BpfArtifact, for loaders. */
  VARMOR_ARTIFACT_BPF = 2,
  /* The same as JSON, for people. */
  VARMOR_ARTIFACT_BPF_JSON = 3,
  /* linux.seccomp of the OCI runtime specification. */
  VARMOR_ARTIFACT_SECCOMP = 4
} varmor_artifact_kind;

varmor_artifact_kind varmor_artifact_get_kind(const varmor_artifact *artifact);
/* A file's name, without a directory: "varmor-shop-web.apparmor". */
const char *varmor_artifact_name(const varmor_artifact *artifact);
/* May hold NUL bytes; one that does not count follows the last. */
const char *varmor_artifact_bytes(const varmor_artifact *artifact);
size_t varmor_artifact_length(const varmor_artifact *artifact);
/* 1 if it still lacks what only a node or the cluster knows; a diagnostic says what. */
int varmor_artifact_has_holes(const varmor_artifact *artifact);

typedef enum varmor_severity {
  VARMOR_ERROR = 0,
  VARMOR_WARNING = 1,
  VARMOR_NOTE = 2
} varmor_severity;

varmor_severity varmor_diagnostic_severity(const varmor_diagnostic *diagnostic);
/* A stable id: "unknown-rule". */
const char *varmor_diagnostic_code(const varmor_diagnostic *diagnostic);
const char *varmor_diagnostic_file(const varmor_diagnostic *diagnostic);
/* From 1, columns in bytes; 0: unknown. */
int varmor_diagnostic_line(const varmor_diagnostic *diagnostic);
int varmor_diagnostic_column(const varmor_diagnostic *diagnostic);
/* "spec.policy.mode"; "" when it is about no field. */
const char *varmor_diagnostic_field(const varmor_diagnostic *diagnostic);
const char *varmor_diagnostic_problem(const varmor_diagnostic *diagnostic);
/* What to write instead; "" if that is not known. */
const char *varmor_diagnostic_fix(const varmor_diagnostic *diagnostic);
/* All of it as the tool prints it: one or two lines, with a newline at the end. */
const char *varmor_diagnostic_text(const varmor_diagnostic *diagnostic);

/* --- deciding ----------------------------------------------------------------------------------
 */

/* What processes under one compiled policy may do: answers offline, from its artifacts alone. */
typedef struct varmor_simulator varmor_simulator;
/* The answer to one question. */
typedef struct varmor_answer varmor_answer;
/* A part of it: what one enforcer says, or all together. */
typedef struct varmor_ruling varmor_ruling;

/* Keeps nothing of `policy`, whose result may be freed afterwards. */
varmor_status varmor_simulator_load(const varmor_policy *policy, varmor_simulator **simulator);
void varmor_simulator_free(varmor_simulator *simulator);

/* Asks about an event such as "write /etc/passwd", "exec /bin/sh", "connect 10.0.0.1:443",
 * "capability net_raw" or "syscall unshare(CLONE_NEWUSER)"; docs/events.md is the grammar.
 * VARMOR_INVALID_INPUT for a text that is no event; varmor_answer_problem then says why. */
varmor_status varmor_decide(const varmor_simulator *simulator, const char *event,
                            varmor_answer **answer);
void varmor_answer_free(varmor_answer *answer);

/* What is wrong with the event, one or two lines; "" if nothing is. */
const char *varmor_answer_problem(const varmor_answer *answer);
/* All enforcers together: any denial wins; then anything unknown; else it is allowed. */
const varmor_ruling *varmor_answer_combined(const varmor_answer *answer);
/* One per enforcer of the policy. */
size_t varmor_answer_ruling_count(const varmor_answer *answer);
const varmor_ruling *varmor_answer_ruling(const varmor_answer *answer, size_t index);

typedef enum varmor_outcome {
  /* It depends on something that cannot be known offline; the reason says on what. */
  VARMOR_UNKNOWN = 0,
  VARMOR_ALLOW = 1,
  VARMOR_DENY = 2,
  /* The enforcer never sees such an event, whatever its rules are. */
  VARMOR_NOT_MEDIATED = 3
} varmor_outcome;

/* "AppArmor", "BPF", "Seccomp"; "" for all together. */
const char *varmor_ruling_enforcer(const varmor_ruling *ruling);
varmor_outcome varmor_ruling_outcome(const varmor_ruling *ruling);
/* 1 if a violation event is written. */
int varmor_ruling_reported(const varmor_ruling *ruling);
/* 1 if it is allowed only because the profile observes. */
int varmor_ruling_would_deny(const varmor_ruling *ruling);
/* "deny", "audit deny", "audit", "allow", "unknown", "not mediated". */
const char *varmor_ruling_word(const varmor_ruling *ruling);
/* How it shows to the process: "EACCES", "killed"; often "". */
const char *varmor_ruling_effect(const varmor_ruling *ruling);
/* One sentence; "" where rules decide. */
const char *varmor_ruling_reason(const varmor_ruling *ruling);
/* The rules that decide; none when a default does. */
size_t varmor_ruling_rule_count(const varmor_ruling *ruling);
/* A built-in rule's id, "runtime-default" or "raw". */
const char *varmor_ruling_rule(const varmor_ruling *ruling, size_t index);
/* Its place in the policy: "spec.policy.enhanceProtect.hardeningRules[0]"; "" for defaults. */
const char *varmor_ruling_rule_field(const varmor_ruling *ruling, size_t index);
/* What it does, in the enforcer's words: "file /etc/shadow read". */
const char *varmor_ruling_rule_text(const varmor_ruling *ruling, size_t index);

#ifdef __cplusplus
}
#endif

#endif /* LIB_COMPILER_C_API_VARMOR_H_ */
