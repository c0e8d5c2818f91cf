#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

#include <stdint.h>

/// Counts of the calling thread. A program that links this has its malloc family counted.
struct allocation_count {
    /// Calls that gave memory.
    uint64_t allocations;
    /// Octets held now, and the most held since allocation_count_reset_peak.
    int64_t live;
    int64_t peak;
};

/// 0 under sanitizers, which have a malloc of their own: then every count stays 0.
int allocation_count_is_on(void);
struct allocation_count allocation_count_now(void);
void allocation_count_reset_peak(void);

#endif
