/* Counts what a process does to the files below a folder, and at the n-th time lets it die, or its disk fail.
 *
 * Loaded with LD_PRELOAD, and asleep until it is armed. It sees what goes through the C library, by whichever of
 * Python, SQLite, hnswlib (libstdc++) and safetensors (Rust) it is done.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum how { COUNT, DIE, TEAR, FULL, READ_ONLY };

static char below[4096];
static size_t length;
static atomic_long count;
static long at;
static enum how chosen;

void arm(const char *folder, long nth, int how) {
    strncpy(below, folder, sizeof below - 1);
    at = nth;
    chosen = how;
    count = 0;
    length = strlen(below);
}

void disarm(void) { length = 0; }

long counted(void) { return count; }

static int is_below(const char *path) { return length && !strncmp(path, below, length); }

static int is_open_below(int file) {
    char link[64], path[4096];
    if (!length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

static int is_at(int where, const char *path) {
    return *path == '/' || where == AT_FDCWD ? is_below(path) : is_open_below(where);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* 1: do only half of it and die. -1: fail, errno says why. 0: go on. needs_room: a full disk refuses it */
static int turn(int needs_room, int is_write) {
    long now = ++count;
    if (chosen == COUNT || now < at) return 0;
    if (chosen == FULL && needs_room) return errno = ENOSPC, -1;
    if (chosen == READ_ONLY) return errno = EROFS, -1;
    if (chosen == TEAR && is_write) return 1;
    if (chosen == DIE || chosen == TEAR) die();
    return 0;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

#define WRITE(name, kind, arguments, whole, half)          \
    kind name arguments {                                  \
        REAL(name);                                        \
        if (is_open_below(file)) {                         \
            int what = turn(1, 1);                         \
            if (what < 0) return -1;                       \
            if (what > 0) { half; die(); }                 \
        }                                                  \
        return whole;                                      \
    }

WRITE(write, ssize_t, (int file, const void *data, size_t size), real(file, data, size), real(file, data, size / 2))
WRITE(pwrite, ssize_t, (int file, const void *data, size_t size, off_t where),
      real(file, data, size, where), real(file, data, size / 2, where))
WRITE(pwrite64, ssize_t, (int file, const void *data, size_t size, off64_t where),
      real(file, data, size, where), real(file, data, size / 2, where))
WRITE(writev, ssize_t, (int file, const struct iovec *data, int size), real(file, data, size), real(file, data, 1))
WRITE(ftruncate, int, (int file, off_t size), real(file, size), die())
WRITE(ftruncate64, int, (int file, off64_t size), real(file, size), die())
WRITE(posix_fallocate, int, (int file, off_t where, off_t size), real(file, where, size), die())

#define FLUSH(name)                                                 \
    int name(int file) {                                            \
        REAL(name);                                                 \
        return is_open_below(file) && turn(0, 0) ? -1 : real(file); \
    }

FLUSH(fsync)
FLUSH(fdatasync)

#define CHANGE(name, needs_room, is_ours, arguments, whole)         \
    int name arguments {                                         \
        REAL(name);                                              \
        return is_ours && turn(needs_room, 0) ? -1 : whole; \
    }

CHANGE(rename, 0, is_below(to), (const char *from, const char *to), real(from, to))
CHANGE(renameat, 0, is_at(at2, to), (int at1, const char *from, int at2, const char *to), real(at1, from, at2, to))
CHANGE(link, 1, is_below(to), (const char *from, const char *to), real(from, to))
CHANGE(linkat, 1, is_at(at2, to), (int at1, const char *from, int at2, const char *to, int flags), real(at1, from, at2, to, flags))
CHANGE(unlink, 0, is_below(path), (const char *path), real(path))
CHANGE(unlinkat, 0, is_at(where, path), (int where, const char *path, int flags), real(where, path, flags))
CHANGE(rmdir, 0, is_below(path), (const char *path), real(path))
CHANGE(mkdir, 1, is_below(path), (const char *path, mode_t mode), real(path, mode))
CHANGE(mkdirat, 1, is_at(where, path), (int where, const char *path, mode_t mode), real(where, path, mode))

static int is_refused(const char *path, int flags) {
    if (!is_below(path) || !(flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR))) return 0;
    int is_new = (flags & O_CREAT) && access(path, F_OK);
    if (!is_new && !(flags & O_TRUNC) && chosen != READ_ONLY) return 0;
    return turn(is_new, 0);
}

#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        REAL(name);                                                  \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                \
        return is_refused(path, flags) ? -1 : real(path, flags, mode); \
    }

OPEN(open)
OPEN(open64)

#define OPEN_AT(name)                                                \
    int name(int where, const char *path, int flags, ...) {          \
        REAL(name);                                                  \
        va_list rest;                                                \
        va_start(rest, flags);                                       \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                \
        return is_refused(path, flags) ? -1 : real(where, path, flags, mode); \
    }

OPEN_AT(openat)
OPEN_AT(openat64)

#define FOPEN(name)                                                  \
    FILE *name(const char *path, const char *mode) {                 \
        REAL(name);                                                  \
        int flags = *mode == 'r' ? 0 : O_CREAT | (*mode == 'w' ? O_TRUNC : 0); \
        return is_refused(path, flags) ? NULL : real(path, mode);    \
    }

FOPEN(fopen)
FOPEN(fopen64)
