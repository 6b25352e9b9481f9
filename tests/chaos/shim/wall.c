/* Sets the wall clock off by the nanoseconds that stand in the first 8 bytes of the file that
 * WALL_SHIM names, at any moment, for one process, without root. All other clocks stay true. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ns;

__attribute__((constructor)) static void attach(void)
{
    const char *file = getenv("WALL_SHIM");
    int fd = file ? open(file, O_RDONLY) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    if (at != MAP_FAILED) offset_ns = at;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int failed = syscall(SYS_clock_gettime, clock, t);
    if (failed || clock != CLOCK_REALTIME || !offset_ns) return failed;
    int64_t ns = t->tv_sec * 1000000000LL + t->tv_nsec + *offset_ns;
    t->tv_sec = ns / 1000000000LL;
    t->tv_nsec = ns % 1000000000LL;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
