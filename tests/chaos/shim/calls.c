/* Counts the system calls by which a process can lose data, and lets the one with a given number go
 * wrong. LD_PRELOAD; shim_attach(control file, folder) starts it. Only calls on files below the
 * folder and on TCP sockets count. One call at a time is counted: the story's threads take turns. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COUNT, KILL, EXIT, TORN, FAIL_EIO, FAIL_ENOSPC, FAIL_EINTR, SHORT };

struct control { /* crash_shim.py has the same layout */
    uint64_t calls, at, times, hits;
    uint32_t action, armed;
    char what[64];           /* the first call that went wrong */
    int64_t sync_entered_ns; /* of the fdatasync under way or last returned, CLOCK_MONOTONIC */
    int64_t sync_returned_ns;
    int64_t sync_result;
};

static struct control *control;
static char folder[PATH_MAX];
static size_t folder_length;

int shim_attach(const char *file, const char *below)
{
    int fd = open(file, O_RDWR);
    if (fd < 0) return -1;
    void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return -1;
    strncpy(folder, below, sizeof folder - 1);
    folder_length = strlen(folder);
    control = at;
    return 0;
}

static int is_ours(const char *path) { return !strncmp(path, folder, folder_length); }

static int counts(int fd, int *is_socket)
{
    char link[64], path[PATH_MAX];
    struct stat about;
    *is_socket = 0;
    if (!control || !control->armed) return 0;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    *is_socket = !strncmp(path, "socket:", 7) && !fstat(fd, &about) && S_ISSOCK(about.st_mode);
    errno = before;
    return *is_socket || is_ours(path);
}

/* What shall happen to this call: COUNT = nothing. */
static int fate(const char *what, int counted)
{
    if (!counted || !control || !control->armed) return COUNT;
    uint64_t number = __sync_add_and_fetch(&control->calls, 1);
    if (control->action == COUNT || number < control->at || number >= control->at + control->times)
        return COUNT;
    if (!control->hits++) strncpy(control->what, what, sizeof control->what - 1);
    if (control->action == KILL) kill(getpid(), SIGKILL);
    if (control->action == EXIT) _exit(99);
    return control->action;
}

static ssize_t failed(int how, int is_socket)
{
    if (how == FAIL_EINTR) errno = EINTR;
    else if (is_socket) errno = how == FAIL_EIO ? ECONNRESET : ENOBUFS;
    else errno = how == FAIL_EIO ? EIO : ENOSPC;
    return -1;
}

static int fails(int how) { return how == FAIL_EIO || how == FAIL_ENOSPC || how == FAIL_EINTR; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A transfer of n bytes: whole, short, torn (half of it, then the end), or an error instead. */
#define TRANSFER(name, declared, fd, n, call)                                                     \
    ssize_t name declared                                                                         \
    {                                                                                             \
        static __typeof__(&name) real;                                                            \
        int is_socket, how;                                                                       \
        if (!real) real = REAL(name);                                                             \
        how = fate(#name, counts(fd, &is_socket));                                                \
        if (fails(how)) return failed(how, is_socket);                                            \
        if ((how == SHORT || how == TORN) && n > 1) n /= 2;                                       \
        ssize_t done = real call;                                                                 \
        if (how == TORN) kill(getpid(), SIGKILL);                                                 \
        return done;                                                                              \
    }

TRANSFER(pwrite, (int fd, const void *b, size_t n, off_t o), fd, n, (fd, b, n, o))
TRANSFER(pwrite64, (int fd, const void *b, size_t n, off64_t o), fd, n, (fd, b, n, o))
TRANSFER(write, (int fd, const void *b, size_t n), fd, n, (fd, b, n))
TRANSFER(pread64, (int fd, void *b, size_t n, off64_t o), fd, n, (fd, b, n, o))
TRANSFER(read, (int fd, void *b, size_t n), fd, n, (fd, b, n))
TRANSFER(send, (int fd, const void *b, size_t n, int f), fd, n, (fd, b, n, f))
TRANSFER(recv, (int fd, void *b, size_t n, int f), fd, n, (fd, b, n, f))

/* A call that is done or not done. */
#define WHOLE(name, declared, counted, call)                                                      \
    int name declared                                                                             \
    {                                                                                             \
        static __typeof__(&name) real;                                                            \
        int is_socket = 0, how;                                                                   \
        if (!real) real = REAL(name);                                                             \
        how = fate(#name, counted);                                                               \
        if (fails(how)) return failed(how, is_socket);                                            \
        int done = real call;                                                                     \
        if (how == TORN) kill(getpid(), SIGKILL);                                                 \
        return done;                                                                              \
    }

WHOLE(fsync, (int fd), counts(fd, &is_socket), (fd))
WHOLE(ftruncate, (int fd, off_t n), counts(fd, &is_socket), (fd, n))
WHOLE(ftruncate64, (int fd, off64_t n), counts(fd, &is_socket), (fd, n))
WHOLE(unlink, (const char *path), control && is_ours(path), (path))
WHOLE(rename, (const char *from, const char *to), control && is_ours(from), (from, to))

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int fdatasync(int fd)
{
    static __typeof__(&fdatasync) real;
    int is_socket, counted = counts(fd, &is_socket), how = fate("fdatasync", counted);
    if (!real) real = REAL(fdatasync);
    if (fails(how)) return failed(how, 0);
    if (counted) control->sync_entered_ns = now_ns();
    int done = real(fd);
    if (counted) {
        control->sync_result = done;
        control->sync_returned_ns = now_ns();
    }
    if (how == TORN) kill(getpid(), SIGKILL);
    return done;
}

/* This one returns its error instead of setting errno. */
#define ALLOCATE(name, offset)                                                                    \
    int name(int fd, offset o, offset n)                                                          \
    {                                                                                             \
        static __typeof__(&name) real;                                                            \
        int is_socket, how = fate(#name, counts(fd, &is_socket));                                 \
        if (!real) real = REAL(name);                                                             \
        return fails(how) ? (failed(how, 0), errno) : real(fd, o, n);                             \
    }

ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

#define OPEN(name)                                                                                \
    int name(const char *path, int flags, ...)                                                    \
    {                                                                                             \
        static __typeof__(&name) real;                                                            \
        va_list rest;                                                                             \
        va_start(rest, flags);                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                   \
        va_end(rest);                                                                             \
        if (!real) real = REAL(name);                                                             \
        int how = fate(#name, control && is_ours(path));                                          \
        return fails(how) ? (int)failed(how, 0) : real(path, flags, mode);                        \
    }

OPEN(open)
OPEN(open64)
