// For LD_PRELOAD: counts what each thread of a process allocates, in a file that others read while it
// runs. The file is "$WHITHER_ALLOCATIONS.PID"; without the variable nothing is counted.
#define _GNU_SOURCE
#include "AllocationLog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static struct allocation_log_entry *_Atomic entries;
static atomic_uint used;
static _Thread_local struct allocation_log_entry *mine;
static _Thread_local int is_uncounted;

__attribute__((constructor)) static void begin(void) {
    const char *prefix = getenv("WHITHER_ALLOCATIONS");
    if (!prefix) return;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s.%d", prefix, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof path) return;
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return;
    size_t size = allocation_log_entries * sizeof(struct allocation_log_entry);
    void *memory = MAP_FAILED;
    if (ftruncate(file, (off_t)size) == 0)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) atomic_store(&entries, memory);
}

static void count(void) {
    if (mine) {
        mine->allocations += 1;
        return;
    }
    struct allocation_log_entry *all = atomic_load_explicit(&entries, memory_order_acquire);
    if (!all || is_uncounted) return;
    unsigned place = atomic_fetch_add(&used, 1);
    if (place >= allocation_log_entries) {
        is_uncounted = 1;
        return;
    }
    mine = all + place;
    mine->allocations = 1;
    mine->thread = (uint64_t)syscall(SYS_gettid);
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    count();
    void *memory = __libc_memalign(alignment, size);
    if (!memory && size > 0) return ENOMEM;
    *result = memory;
    return 0;
}
