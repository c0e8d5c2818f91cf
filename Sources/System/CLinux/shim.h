#define _GNU_SOURCE 1
// The importer's own view of fd_set is one without _GNU_SOURCE, which names its member otherwise; two
// views of one structure do not mix.
#include <features.h>
#undef __USE_XOPEN
#include <sys/select.h>
#define __USE_XOPEN 1
// What Swift's importer does not reach by Glibc alone: GNU's own functions, and macros.
#ifndef WHITHER_CLINUX_H
#define WHITHER_CLINUX_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <linux/virtio_net.h>

// CMSG_FIRSTHDR and its like are macros with arguments.
static inline struct cmsghdr *clinux_first_control(struct msghdr *message) {
    return CMSG_FIRSTHDR(message);
}
static inline struct cmsghdr *clinux_next_control(struct msghdr *message, struct cmsghdr *last) {
    return CMSG_NXTHDR(message, last);
}
static inline void *clinux_control_data(struct cmsghdr *control) { return CMSG_DATA(control); }
/// Octets of data in a control message, 0 if its length is nonsense.
static inline size_t clinux_control_length(const struct cmsghdr *control) {
    return control->cmsg_len >= CMSG_LEN(0) ? control->cmsg_len - CMSG_LEN(0) : 0;
}
static inline size_t clinux_control_space(size_t length) { return CMSG_SPACE(length); }
/// Writes a control message that holds one int; returns the octets that it takes.
static inline size_t clinux_put_control(void *place, int level, int type, int value) {
    struct cmsghdr *control = (struct cmsghdr *)place;
    control->cmsg_len = CMSG_LEN(sizeof value);
    control->cmsg_level = level;
    control->cmsg_type = type;
    memcpy(CMSG_DATA(control), &value, sizeof value);
    return CMSG_SPACE(sizeof value);
}

// A filter of one instruction: of each packet that comes, keep 0 octets. What the network says about packets
// that were sent does not pass it.
static inline int clinux_drop_received(int descriptor) {
    struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &none};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

// syscall is variadic; setresuid of the C library is for all threads.
static inline int clinux_set_thread_user(uid_t user) {
    return (int)syscall(SYS_setresuid, -1, user, 0);
}

// ioctl is variadic and its numbers are computed.
static inline int clinux_tun_attach(int descriptor, struct ifreq *request) {
    return ioctl(descriptor, TUNSETIFF, request);
}

// One line in the caller, and no array of pollfd on its heap. Waits for ever.
static inline int clinux_wait(int first, int second, int *first_ready, int *second_ready) {
    struct pollfd both[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
    int ready = poll(both, 2, -1);
    *first_ready = ready > 0 ? both[0].revents : 0;
    *second_ready = ready > 0 ? both[1].revents : 0;
    return ready;
}

// adjtimex(2) returns TIME_ERROR, 5, while nothing disciplines the clock. Its header cannot be
// included: it brings a second fd_set. The kernel's struct has 208 octets; all zero asks.
static inline int clinux_clock_is_synchronised(void) {
    long state[64] = {0};
    long result = syscall(SYS_adjtimex, state);
    return result >= 0 && result != 5;
}

// POSIX_SPAWN_SETSID of <spawn.h>, which Glibc's module shows without it.
static const short clinux_spawn_in_new_session = 0x80;

#endif
