// Operations on mounts, in the mount namespace of the container:
//
//     mount  OPERATION  SOURCE  TARGET  TYPE  FLAGS      FLAGS: a number of MS_* bits
//
// OPERATION: new, bind, move, remount, umount, propagation, pivot_root (SOURCE is the new root,
// TARGET where the old one goes). Ways: new_api (fsopen, open_tree, fspick, move_mount and their
// kin; of umount: MNT_DETACH); of new detached (opened, and attached nowhere), flag_512 (with a
// flag that means nothing) and no_source (a null pointer); of bind relative ("NAME" in "/"), dotted
// ("//NAME/.") and symlink (the source), which move has as well; of remount mount_setattr.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/attack/attacker/operation.h"

// include/uapi/linux/mount.h, which does not go with <sys/mount.h>.
enum {
  kFsconfigSetString = 1,
  kFsconfigCreate = 6,
  kFsconfigReconfigure = 7,
  kMoveMountFromEmpty = 4,
  kOpenTreeClone = 1,
};

static int AttachAt(int mount_fd, const char* target) {
  return ErrnoOf(syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, target, kMoveMountFromEmpty));
}

// A target of "" leaves it detached.
static int NewByContext(const char* source, const char* target, const char* type) {
  const int context = (int)syscall(SYS_fsopen, type, 0);
  if (context < 0) return errno == ENODEV ? Unprepared("the kernel has no such type") : errno;
  if (source[0] != '\0' &&
      syscall(SYS_fsconfig, context, kFsconfigSetString, "source", source, 0) != 0) {
    return errno;
  }
  if (syscall(SYS_fsconfig, context, kFsconfigCreate, NULL, NULL, 0) != 0) return errno;
  const int mount_fd = (int)syscall(SYS_fsmount, context, 0, 0);
  if (mount_fd < 0) return errno;
  if (target[0] != '\0') return AttachAt(mount_fd, target);
  return ErrnoOf(openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int BindByTree(const char* source, const char* target) {
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, kOpenTreeClone);
  return tree < 0 ? errno : AttachAt(tree, target);
}

static int RemountByContext(const char* target) {
  const int context = (int)syscall(SYS_fspick, AT_FDCWD, target, 0);
  if (context < 0) return errno;
  return ErrnoOf(syscall(SYS_fsconfig, context, kFsconfigReconfigure, NULL, NULL, 0));
}

// include/uapi/linux/mount.h: struct mount_attr, MOUNT_ATTR_RDONLY.
static int RemountByAttributes(const char* target) {
  const uint64_t attributes[4] = {1, 0, 0, 0};
  return ErrnoOf(syscall(SYS_mount_setattr, AT_FDCWD, target, 0, attributes, sizeof attributes));
}

static int MountByOtherName(const struct operation* operation, const char* source,
                            const char* target, unsigned long flags) {
  char name[PATH_MAX];
  snprintf(name, sizeof name, "%s", source + 1);
  if (IsVariant(operation, "relative") && chdir("/") != 0) return Unprepared("cannot enter /");
  if (IsVariant(operation, "dotted")) snprintf(name, sizeof name, "/%s/.", source);
  if (IsVariant(operation, "symlink")) {
    snprintf(name, sizeof name, kScratch "/source.%d", getpid());
    if (symlink(source, name) != 0) return Unprepared("cannot make a link");
  }
  return ErrnoOf(mount(name, target, "none", flags, NULL));
}

static int NewInOtherWays(const struct operation* operation, const char* source, const char* target,
                          const char* type, unsigned long flags) {
  if (IsVariant(operation, "new_api")) return NewByContext(source, target, type);
  if (IsVariant(operation, "detached")) return NewByContext(source, "", type);
  // Older kernels had it for a purpose of their own.
  if (IsVariant(operation, "flag_512"))
    return ErrnoOf(mount(source, target, type, flags | 512, ""));
  if (IsVariant(operation, "no_source")) return ErrnoOf(mount(NULL, target, type, flags, NULL));
  return Unprepared("the attacker does not know this way");
}

int MountOperation(const struct operation* operation) {
  const char* what = operation->words[0];
  const char* source = operation->words[1];
  const char* target = operation->words[2];
  const char* type = operation->words[3];
  const unsigned long flags = NumberOf(operation->words[4]);
  const int new_api = IsVariant(operation, "new_api");
  if (strcmp(what, "umount") == 0) {
    return ErrnoOf(umount2(target, new_api ? MNT_DETACH : 0));
  }
  if (strcmp(what, "pivot_root") == 0) return ErrnoOf(syscall(SYS_pivot_root, source, target));
  const int plain = IsVariant(operation, "");
  if (!plain && strcmp(what, "new") == 0) {
    return NewInOtherWays(operation, source, target, type, flags);
  }
  if (IsVariant(operation, "mount_setattr")) return RemountByAttributes(target);
  if (new_api && strcmp(what, "bind") == 0) return BindByTree(source, target);
  if (new_api && strcmp(what, "remount") == 0) return RemountByContext(target);
  if (new_api && strcmp(what, "move") == 0) {
    return ErrnoOf(syscall(SYS_move_mount, AT_FDCWD, source, AT_FDCWD, target, 0));
  }
  if (new_api) return Unprepared("the newer calls have no such operation");
  if (!plain) return MountByOtherName(operation, source, target, flags);
  return ErrnoOf(mount(source, target, type, flags, NULL));
}
