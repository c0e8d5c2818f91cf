// Preloaded by `.ci/sanitize thread`: tells the sanitizer of the locks that it cannot see. A `Mutex` that is
// free is taken and given back by atomic operations in our own code, which the sanitizer follows; one that
// somebody waits for changes hands in Swift's library and in the kernel, where it sees nothing, and would
// call whatever the lock protects a race.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

__attribute__((weak)) void __tsan_acquire(void *place);
__attribute__((weak)) void __tsan_release(void *place);

#define SELF __attribute__((swift_context)) void *self
typedef void (*locking)(uint32_t thread, SELF) __attribute__((swiftcall));
typedef void (*unlocking)(SELF) __attribute__((swiftcall));
typedef _Bool (*trying)(SELF) __attribute__((swiftcall));

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define TRY "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) __asm__(LOCK);
__attribute__((swiftcall)) void unlock_slow(SELF) __asm__(UNLOCK);
__attribute__((swiftcall)) _Bool try_lock_slow(SELF) __asm__(TRY);

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
    ((locking)dlsym(RTLD_NEXT, LOCK))(thread, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

__attribute__((swiftcall)) void unlock_slow(SELF) {
    if (__tsan_release) __tsan_release(self);
    ((unlocking)dlsym(RTLD_NEXT, UNLOCK))(self);
}

__attribute__((swiftcall)) _Bool try_lock_slow(SELF) {
    _Bool taken = ((trying)dlsym(RTLD_NEXT, TRY))(self);
    if (taken && __tsan_acquire) __tsan_acquire(self);
    return taken;
}
