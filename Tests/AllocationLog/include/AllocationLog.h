// How the file is laid out into which a process counts its allocations: an array of these, one for
// each thread that ever allocated, in the machine's byte order.
#ifndef ALLOCATION_LOG_H
#define ALLOCATION_LOG_H

#include <stdint.h>

struct allocation_log_entry {
    // The kernel's thread id; 0: no more threads.
    uint64_t thread;
    uint64_t allocations;
};

// Threads after these are not counted: a node has a dozen.
enum { allocation_log_entries = 256 };

#endif
