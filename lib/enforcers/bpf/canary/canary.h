/* What the child of the self-test reports in its exit status. Plain C. */
#ifndef LIB_ENFORCERS_BPF_CANARY_CANARY_H_
#define LIB_ENFORCERS_BPF_CANARY_CANARY_H_

/* Not denied though a rule denies it. */
#define CANARY_OPEN 0x01
#define CANARY_EXEC 0x02
#define CANARY_CONNECT 0x04
#define CANARY_CAPABILITY 0x08
/* Denied though no rule does. */
#define CANARY_OVERDONE 0x10
#define CANARY_ALL 0x1f

/* The child did not get as far as the program; plus a step of canary_child.cc. */
#define CANARY_SETUP 0x80

#endif /* LIB_ENFORCERS_BPF_CANARY_CANARY_H_ */
