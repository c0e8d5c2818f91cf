// Stands in front of glibc's malloc family and counts, per thread. Address and thread sanitizers
// bring a malloc of their own: then nothing is counted.
#include "AllocationCount.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

static _Thread_local struct allocation_count counts;

struct allocation_count allocation_count_now(void) { return counts; }
void allocation_count_reset_peak(void) { counts.peak = counts.live; }

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

int allocation_count_is_on(void) { return 0; }

#else

int allocation_count_is_on(void) { return 1; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static void *counted(void *memory) {
    if (memory) {
        counts.allocations += 1;
        counts.live += (int64_t)malloc_usable_size(memory);
        if (counts.live > counts.peak) counts.peak = counts.live;
    }
    return memory;
}

static void uncounted(void *memory) {
    if (memory) counts.live -= (int64_t)malloc_usable_size(memory);
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *memory = memalign(alignment, size);
    if (!memory) return ENOMEM;
    *result = memory;
    return 0;
}

void *realloc(void *old, size_t size) {
    // Both blocks may exist at once: the peak counts both.
    size_t before = old ? malloc_usable_size(old) : 0;
    void *memory = __libc_realloc(old, size);
    if (memory || size == 0) {
        counted(memory);
        counts.live -= (int64_t)before;
    }
    return memory;
}

void free(void *memory) {
    uncounted(memory);
    __libc_free(memory);
}

#endif
